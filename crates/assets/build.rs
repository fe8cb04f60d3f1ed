//! A file that appears in the folder is a reason to build again.

fn main() {
    println!("cargo:rerun-if-changed=../../templates/static");
}
