//! The product through its front door: real processes, the command line and HTTP, a messenger of
//! its own. Every test ends with the messenger's accept log, the record and the books agreeing.

mod stage; // how a test begins, and how every test ends
mod crowd; // friends whose attributes a test knows

mod broadcast; // a file comes in, a campaign goes out, the books close
mod beside; // admin, import and schedules beside a running server
mod import; // killed again and again, it doubles nothing
mod stop; // SIGTERM in the middle

mod taint; // an outcome that nobody knows stays unknown until it is known
mod rounds; // who is rejected for now is tried again, five times
mod uncertain; // what the messenger tells later
mod guarantees; // lost answers, by what the connector's record says
mod closing_keys; // what was not delivered is not delivered later
mod consent; // withdrawals between freeze, attempts and push
mod order; // settles that come late
mod cancel; // cancels in the middle of a freeze
mod personal; // everybody reads their own name
mod budget; // budgets, and whom it goes to where there is not enough for everybody
mod testers; // what a draft says, to testers first, free
mod ways; // every way of sending bills the same
mod billing; // plans, bands and promotional credit, from the agreement to the bill
mod delivered; // billed when the messenger confirms it, and not before
mod months; // a month closed and invoiced, and what follows

mod proof; // sealed days, and one send proved to a stranger
mod restore; // backups, and what comes back of them

mod bench; // the broadcast bench on both engines, small

mod receipts; // what friends did with a broadcast, in bulk and while another runs
mod media; // pictures that are uploaded, and files that are none
mod demo; // what a first start finds
mod console_sign_in; // the way into the pages, and what every answer carries
mod console_report; // what a campaign did and cost, and every send of it
mod console_friends; // who is listed, one friend's page, files taken in
mod composer; // drafts, written and fought over
mod console_campaigns; // the list, the calendar, where a campaign's link leads, the wallet
mod draft_world; // a draft that can be sent, to friends whose attributes a test knows
mod draft_steps; // whom a draft reaches, when it goes, and that it is launched once
mod taken_back; // what came another way keeps its audience when it is a draft again
mod running; // a campaign under way, watched and stopped
mod line_sdk; // LINE's official library, the address changed
mod line_operations; // which of LINE's operations it was seen to do here
mod line_limits; // LINE's documented limits, asked on both sides
mod audiences; // audience groups of ids, of files and of what friends did
mod retry_keys; // a retry key stands for one send, whatever dies
mod narrowcast; // narrowcasts reach whom they name, and are told of
mod line_tokens; // what brands' programs prove themselves with, and what tokens are worth
mod v1; // our own API, from the first request to the bill
mod cross_channel; // two channels beside each other, on every route of both APIs
mod webhooks_sent; // what programs of brands are told, and where it never goes
mod menus; // rich menus and coupons, from a brand's program to a friend's phone and back
mod cross_tenant; // two businesses beside each other, on every route
mod operator_terms; // contracts, prices and credit on the operators' pages, and their password
mod operator; // who runs the installation: money of everybody, and whether the books close

mod phone; // the messenger's screen beside the program that pushes to it

mod encrypted; // everything under an authority of the test's own

mod traces; // what a collector hears of a campaign

mod bad_input; // clear words for everything that is wrong
