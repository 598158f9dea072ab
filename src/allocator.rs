//! The allocator of the process: mimalloc, asked for no more than is needed.
//!
//! Its wrapper asks for each alignment by name. Of a size that is no power of two, mimalloc then
//! takes seven bytes more, to move what it gives away within them, although all that it gives away
//! is aligned anyway: a block of 96 bytes lies in one of 112, each time, and is found more slowly.

// What allocates is unsafe by its trait.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};

use libmimalloc_sys::{mi_malloc, mi_zalloc};
use mimalloc::MiMalloc;

/// What every block of that size is aligned to, as in C (`MI_MAX_ALIGN_SIZE`, `max_align_t`);
/// smaller ones to their size.
const ALIGNED: usize = 16;

/// For `#[global_allocator]`.
#[derive(Debug, Clone, Copy)]
pub struct Allocator;

/// Whether each block of the size is aligned well.
const fn is_aligned(layout: Layout) -> bool {
    layout.align() <= ALIGNED && layout.align() <= layout.size()
}

// SAFETY: all calls go to one allocator, whose functions take back what any of them gave.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_aligned(layout) {
            // SAFETY: it may be called with any size; the block is aligned as the layout says.
            unsafe { mi_malloc(layout.size()).cast() }
        } else {
            // SAFETY: the caller keeps the same contract.
            unsafe { MiMalloc.alloc(layout) }
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_aligned(layout) {
            // SAFETY: as above.
            unsafe { mi_zalloc(layout.size()).cast() }
        } else {
            // SAFETY: the caller keeps the same contract.
            unsafe { MiMalloc.alloc_zeroed(layout) }
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the same contract.
        unsafe { MiMalloc.dealloc(block, layout) }
    }

    /// The wrapper asks for more room as for any block, up to an alignment of eight.
    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller keeps the same contract.
        unsafe { MiMalloc.realloc(block, layout, size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_aligned_and_no_larger_than_its_size_needs() {
        for (size, align) in [
            (1, 1),
            (8, 8),
            (24, 8),
            (24, 16),
            (48, 8),
            (80, 8),
            (96, 8),
            (96, 16),
            (112, 8),
            (384, 8),
            (640, 16),
            (1_000, 8),
            (14_336, 8),
            (40_000, 8),
            // Those that must be asked for.
            (16, 64),
            (192, 64),
            (1_000, 4_096),
        ] {
            let layout = Layout::from_size_align(size, align).unwrap();
            // Several, as the first one of a page may be aligned by chance.
            for zeroed in [false, true, false, true, false] {
                // SAFETY: no layout is empty, and what is given is given back with its own.
                unsafe {
                    let block = match zeroed {
                        false => Allocator.alloc(layout),
                        true => Allocator.alloc_zeroed(layout),
                    };
                    assert!(!block.is_null());
                    assert_eq!(block.addr() % align, 0, "{layout:?}");
                    if zeroed {
                        let bytes = std::slice::from_raw_parts(block, size);
                        assert!(bytes.iter().all(|byte| *byte == 0), "{layout:?}");
                    }
                    if is_aligned(layout) {
                        let usable = libmimalloc_sys::mi_usable_size(block.cast_const().cast());
                        let good = libmimalloc_sys::mi_good_size(size);
                        assert_eq!(usable, good, "{layout:?}");
                    }
                    block.write_bytes(7, size);
                    let larger = Allocator.realloc(block, layout, 3 * size);
                    assert!(!larger.is_null());
                    assert_eq!(larger.addr() % align, 0, "{layout:?}");
                    let bytes = std::slice::from_raw_parts(larger, size);
                    assert!(bytes.iter().all(|byte| *byte == 7), "{layout:?}");
                    let layout = Layout::from_size_align(3 * size, align).unwrap();
                    Allocator.dealloc(larger, layout);
                }
            }
        }
    }
}
