//! Memory that is free goes back to the system. The allocator keeps what was let go of for a while
//! and looks at it again only when somebody asks it for more: a gateway that has read a million
//! keys and then rests would hold several times what it needs.

// One function of the allocator that its safe wrapper leaves out.
#![allow(unsafe_code)]

use std::time::Duration;

/// How often it is looked for. It takes microseconds when there is none.
const EVERY: Duration = Duration::from_secs(5);

/// Gives memory back from time to time, for good.
pub(crate) async fn give_back() {
    let mut interval = tokio::time::interval(EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        // SAFETY: it may be called at any time from any thread; it touches free memory only.
        unsafe { libmimalloc_sys::mi_collect(false) };
    }
}
