//! What every dialect of the hot paths has to do: named cases over the contract of `store::hot` and
//! the chunk statements beside it.
//!
//! A dialect opens empty databases; each case gets one of its own, goes through the store's public
//! functions and looks at what it left there. A case passes or names what it found instead.

mod claim; // who may take a chunk
mod freeze; // what one range becomes, completely or not at all
mod marks; // dispatch, leases, what ends unsent, what the gate hears
mod reach; // who is read from the friends' table
mod record; // what is written after a push
mod roll_up; // what is captured, once
mod pages; // what pages, reports and downloads read
mod people; // friends looked through, imports, drafts, pictures
pub mod world; // a database with a business, friends and a campaign in it

use std::fmt;
use std::pin::Pin;

use store::Store;

pub use world::World;

/// An empty database of the dialect under test.
pub struct Subject {
    pub store: Store,
    pub raw: Box<dyn Raw>,
}

/// Plain SQL on that database, of the kind every dialect reads: for what nobody may do through the
/// store, and for columns that nobody reads back.
#[async_trait::async_trait]
pub trait Raw: Send + Sync {
    async fn execute(&self, sql: &str);

    /// The one whole number that a query answers; zero where it is null.
    async fn number(&self, sql: &str) -> i64;
}

/// One thing a dialect has to do, by name.
#[derive(Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    run: fn(World) -> Run,
}

type Run = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a dialect did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub cases: usize,
    /// The name of each case that failed, and what it found.
    pub failures: Vec<(&'static str, String)>,
}

/// `cases![freeze: a_range_is_written, …]`: the functions of one module as cases.
macro_rules! cases {
    ($($module:ident: $($case:ident),+ $(,)?);+ $(;)?) => {
        vec![$($(Case {
            name: concat!(stringify!($module), "::", stringify!($case)),
            run: |world| Box::pin($module::$case(world)),
        }),+),+]
    };
}

/// Every case, in the order of a campaign's way.
pub fn cases() -> Vec<Case> {
    cases![
        reach: every_active_friend_is_read_in_order,
            bounds_of_a_range_are_both_read,
            neighbouring_ranges_meet_without_gap_or_double,
            whoever_blocked_or_left_is_not_read,
            consent_decides_for_promotion_only,
            groups_carry_night_consent_and_offset,
            friends_of_another_account_are_not_read,
            friends_known_after_the_cut_are_not_read,
            whoever_left_and_came_back_after_the_cut_is_not_read,
            packed_keys_come_packed,
            one_key_of_another_form_makes_all_mixed,
            expressions_choose_and_count_alike,
            a_count_is_what_a_freeze_reads;
        freeze: a_range_is_written_completely,
            a_range_that_fails_leaves_nothing,
            the_same_range_twice_is_refused,
            more_than_granted_is_refused,
            ranges_add_up_to_what_was_granted,
            a_range_of_nobody_is_done,
            a_cancelled_campaign_refuses,
            a_closed_campaign_refuses,
            a_restored_campaign_refuses,
            a_paused_campaign_freezes_on,
            exclusions_are_kept_with_rule_and_count,
            keys_of_both_forms_come_back;
        claim: a_dispatched_chunk_is_claimed_with_its_attempt,
            an_undispatched_chunk_is_not,
            a_chunk_is_due_to_the_millisecond,
            an_unknown_chunk_is_claimed_tainted,
            a_key_that_grew_old_is_not_used_again,
            a_key_to_be_closed_is_not_claimed,
            only_ready_and_unknown_are_claimed,
            two_claims_of_one_chunk_are_one,
            a_campaign_that_does_not_run_is_not_claimed,
            a_stopped_account_is_not_claimed,
            a_stopped_business_is_not_claimed,
            nothing_is_claimed_past_its_time,
            a_restored_campaign_is_not_claimed,
            epochs_rise_and_the_first_attempt_stays,
            exclusions_of_former_attempts_come_along,
            a_batch_claims_what_it_may_in_order,
            a_chunk_that_is_not_there_is_not_claimed;
        record: a_settle_keeps_every_outcome,
            outcomes_that_do_not_add_up_are_refused,
            a_next_round_has_just_those_who_moved,
            a_next_round_is_made_once,
            undecided_keys_lead_back,
            a_return_is_ready_and_undispatched,
            a_tainted_chunk_cannot_return,
            unknown_taints_for_good,
            a_key_to_be_closed_stays_so,
            deaths_count_until_another_fault_is_known,
            a_quarantine_waits,
            rescue_settles_an_unknown_chunk,
            a_stale_epoch_changes_nothing,
            a_settled_chunk_never_changes,
            a_ready_chunk_takes_no_record,
            the_attempt_ends_once,
            a_rolled_back_record_never_was;
        roll_up: a_settle_is_captured_once,
            nothing_new_is_nothing,
            an_older_settle_committed_later_is_captured,
            nothing_accepted_costs_nothing,
            unresolved_and_cancelled_cost_nothing,
            a_confirmed_amendment_is_captured_as_its_part,
            a_settle_over_edges_is_captured_in_parts,
            a_failed_amendment_is_not,
            the_first_amendment_of_a_recipient_wins,
            every_round_is_captured_for_itself,
            two_businesses_are_two_transactions,
            two_campaigns_of_one_business_are_one_transaction,
            the_mark_passes_what_was_captured,
            a_rolled_back_roll_up_is_made_anew;
        marks: a_dispatch_marks_each_chunk_once,
            a_paused_campaign_is_not_dispatched,
            settled_and_sending_chunks_are_not_dispatched,
            a_pause_takes_dispatches_back,
            what_is_outstanding_is_counted_and_polled,
            an_account_is_held_as_long_as_it_was_asked_to_wait,
            campaigns_with_something_due_are_found,
            stages_tell_what_is_open_and_what_waits_for_its_capture,
            lost_dispatches_are_taken_back_by_their_age,
            what_is_due_comes_unknown_first,
            a_lease_ends_at_its_time,
            a_renewed_claim_keeps_its_lease,
            the_fifth_death_quarantines,
            a_cancel_ends_ready_chunks_only,
            an_expiry_ends_ready_chunks_with_a_sequence,
            exclusions_are_noted_under_the_claim_only,
            the_gate_hears_changes_from_its_mark_on,
            the_gate_hears_of_its_numbers_only,
            an_overdue_recipient_is_named_and_written_off;
        pages: a_list_has_campaigns_with_their_sums,
            a_wallet_shows_what_moved,
            a_campaign_under_way_is_counted_once,
            single_sends_are_found,
            exclusions_of_a_freeze_are_found,
            receipts_are_added_up;
        people: audiences_and_friends_are_looked_through,
            imports_are_listed_with_what_they_refused,
            drafts_pictures_and_sessions_are_kept,
    ]
}

/// Runs every case, each in a database of its own that `open` makes.
pub async fn run<F>(open: impl Fn() -> F) -> Report
where
    F: Future<Output = Subject>,
{
    let cases = cases();
    let mut failures = Vec::new();
    for Case { name, run } in cases.iter().copied() {
        let subject = open().await;
        // A task of its own turns a failed assertion into an answer.
        let task = tokio::spawn(async move { run(World::of(subject).await).await });
        if let Err(failure) = task.await {
            failures.push((name, words(failure)));
        }
    }
    Report {
        cases: cases.len(),
        failures,
    }
}

pub(crate) fn words(failure: tokio::task::JoinError) -> String {
    let Ok(panic) = failure.try_into_panic() else {
        return "the case was given up".to_owned();
    };
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
        .unwrap_or_else(|| "the case failed without a word".to_owned())
}

/// `77 cases, 0 failed`, failures below.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cases, {} failed", self.cases, self.failures.len())?;
        for (name, found) in &self.failures {
            write!(f, "\n{name}: {found}")?;
        }
        Ok(())
    }
}
