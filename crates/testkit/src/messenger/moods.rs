//! How often the messenger misbehaves, and how: per mille of requests, or of recipients.

/// All zero: it does what it is asked and says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moods {
    /// 401, 403, 429, 503 with `{"processed": false}`, connection refused.
    pub not_processed: u32,
    /// 400.
    pub refused: u32,
    /// The request never arrives, and nobody says so.
    pub lost: u32,
    /// The request arrives after its sender gave up; in half of the cases its key is told to be in
    /// progress until then.
    pub late: u32,
    /// Processed, but the answer is lost.
    pub answer_lost: u32,
    /// Processed, but the answer does not add up.
    pub garbled: u32,
    /// Answers to closing a key, and to questions, that are lost: before or after it was done.
    pub close_lost: u32,
    /// Of recipients: rejected, to be tried again.
    pub rejected_for_now: u32,
    /// Of recipients: rejected for good.
    pub rejected: u32,
    /// Of recipients: nobody knows until an event says so.
    pub uncertain: u32,
}
