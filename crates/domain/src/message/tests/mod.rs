//! The validator through its front door: tables of good and bad messages, and generated ones.

mod action_cases;
mod box_cases;
mod buttons_cases;
mod common_cases;
mod component_cases;
mod container_cases;
mod corpus;
mod generate;
mod generate_flex;
mod generate_media;
mod imagemap_cases;
mod json_cases;
mod media_cases;
mod place_cases;
mod properties;
mod table;
mod template_cases;
mod text_cases;
mod text_v2_cases;
