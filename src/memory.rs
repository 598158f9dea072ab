//! Memory that is free goes back to the system. The allocator keeps what was let go of for a while
//! and looks at it again only when somebody asks it for more: a gateway that has read a million
//! keys and then rests would hold several times what it needs. And the executable's own pages that
//! only the start needed stay with the process until the system runs short of memory.
//!
//! There are two allocators: SQLite is C, and takes its memory from the C library.

// Functions of the allocators that their safe wrappers leave out, and one of the system.
#![allow(unsafe_code)]

use std::time::Duration;

/// How often it is looked for. It takes microseconds when there is none.
const EVERY: Duration = Duration::from_secs(5);

/// As long as a process gives back at once what it lets go of: a state is read then, out of several
/// times its size. What is kept for a while lies between what stays, and much of it is never found
/// again.
const START: u32 = 12;

/// Milliseconds for which the allocator keeps what was let go of, as it does by itself: giving back
/// and asking again costs more than a request.
const KEPT_FOR: std::ffi::c_long = 10;

/// `mi_option_purge_delay`, which the wrapper has no name for.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// For the start, which [`give_back`] ends.
pub(crate) fn at_start() {
    keep_for(0);
}

fn keep_for(milliseconds: std::ffi::c_long) {
    // SAFETY: it may be set at any time from any thread.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, milliseconds) };
}

/// Gives memory back from time to time, for good.
pub(crate) async fn give_back() {
    let mut interval = tokio::time::interval(EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // The first one comes at once.
    interval.tick().await;
    interval.tick().await;
    let_go_of_start();
    for turn in 0_u32.. {
        if turn == START {
            keep_for(KEPT_FOR);
        }
        // SAFETY: it may be called at any time from any thread; it touches free memory only. Forced, it
        // also looks through what ended threads have left.
        unsafe { libmimalloc_sys::mi_collect(true) };
        trim();
        interval.tick().await;
    }
}

/// The C library keeps what SQLite let go of: as much as the largest query needed.
fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it may be called at any time from any thread (malloc_trim(3)).
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Lets go of the executable's pages: those that are in use are there again at their next use, out of
/// the system's page cache, and the rest is not.
fn let_go_of_start() {
    #[cfg(target_os = "linux")]
    {
        use rustix::mm::{Advice, madvise};
        let (Ok(own), Ok(maps)) = (
            std::fs::read_link("/proc/self/exe"),
            std::fs::read_to_string("/proc/self/maps"),
        ) else {
            return;
        };
        for range in maps.lines().filter_map(|line| unwritten(line, &own)) {
            let start = std::ptr::without_provenance_mut(range.start);
            // SAFETY: the range is a private mapping of a file that nobody has ever written to, so what
            // is read there afterwards is what was there before, from the same file.
            let done = unsafe { madvise(start, range.len(), Advice::LinuxDontNeed) };
            if let Err(error) = done {
                tracing::debug!(%error, "The executable's pages are not let go of.");
            }
        }
    }
}

/// The addresses of a line of `/proc/self/maps` (proc(5)), if nothing of them was written to since the
/// file was mapped: the executable's code, and what lies at its beginning, where nothing is relocated.
#[cfg(target_os = "linux")]
fn unwritten(line: &str, own: &std::path::Path) -> Option<std::ops::Range<usize>> {
    let mut parts = line.split_ascii_whitespace();
    let (addresses, rights, offset) = (parts.next()?, parts.next()?, parts.next()?);
    let file = parts.nth(2)?;
    let is_at_start = usize::from_str_radix(offset, 16).ok()? == 0;
    if std::path::Path::new(file) != own || !(rights == "r-xp" || rights == "r--p" && is_at_start) {
        return None;
    }
    let (start, end) = addresses.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    Some(address(start)?..address(end)?)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::process::Command;

    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn only_what_nobody_wrote_to_is_let_go_of() {
        for (line, range) in [
            (
                "1000-3000 r--p 00000000 fe:00 7 /bin/portunus",
                Some(0x1000..0x3000),
            ),
            (
                "3000-4000 r-xp 00002000 fe:00 7       /bin/portunus",
                Some(0x3000..0x4000),
            ),
            // Relocated, and protected afterwards.
            ("4000-5000 r--p 00003000 fe:00 7 /bin/portunus", None),
            ("5000-6000 rw-p 00004000 fe:00 7 /bin/portunus", None),
            ("6000-7000 r-xp 00000000 fe:00 8 /lib/libc.so.6", None),
            ("7000-8000 rw-p 00000000 00:00 0", None),
            ("7000-8000 r-xp 00000000 00:00 0 [vdso]", None),
            ("", None),
        ] {
            let own = std::path::Path::new("/bin/portunus");
            assert_eq!(unwritten(line, own), range, "{line}");
        }
    }

    /// Kilobytes of such pages that are in memory for this process (proc(5), `smaps`).
    fn held() -> u64 {
        let own = std::fs::read_link("/proc/self/exe").unwrap();
        let (mut sum, mut is_ours) = (0, false);
        for line in std::fs::read_to_string("/proc/self/smaps").unwrap().lines() {
            let mut parts = line.split_ascii_whitespace();
            match (parts.next(), parts.next()) {
                (Some("Rss:"), Some(size)) if is_ours => sum += size.parse::<u64>().unwrap(),
                // The first line of a range; those behind it have names.
                (Some(first), _) if !first.ends_with(':') => {
                    is_ours = unwritten(line, &own).is_some();
                }
                _ => {}
            }
        }
        sum
    }

    /// Nobody else may ask for the pages meanwhile.
    #[test]
    #[ignore = "the next test runs it as a process"]
    fn a_process_by_itself() {
        let work = || Cli::command().render_long_help().to_string();
        let whole = work();
        let before = held();
        let_go_of_start();
        // What runs is there again, and what only the work needs is not.
        let after = held();
        assert!(after < before, "{after} kB of {before}");
        assert_eq!(work(), whole);
        let again = held();
        assert!(again > after, "{again} kB after {after}");
    }

    #[test]
    fn a_process_goes_on_without_its_pages() {
        let ended = Command::new(std::env::current_exe().unwrap())
            .args(["memory::tests::a_process_by_itself", "--exact"])
            .arg("--ignored")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stdout);
        // That none has that name is a success as well.
        let is_good = ended.status.success() && said.contains("1 passed");
        assert!(is_good, "{}: {said}", ended.status);
    }
}
