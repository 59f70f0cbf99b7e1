//! Large pages for numbers that are read over and over.
//!
//! Memory comes in pages of 4 KiB, and a processor knows where a few thousand of them lie; a network's weights fill many
//! more. Linux gives pages of 2 MiB to those who ask.

/// Memory of so many zeros, in large pages as far as there are any.
#[must_use]
pub(in crate::graph) fn zeros(length: usize) -> Vec<f32> {
    let memory = vec![0.0; length];
    // Not touched yet: it comes in large pages from the start.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    linux::advise(&memory, libc::MADV_HUGEPAGE);
    memory
}

/// Moves numbers that are already there into large pages, as far as there are any.
pub(in crate::graph) fn gather(memory: &[f32]) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        linux::advise(memory, libc::MADV_HUGEPAGE);
        linux::advise(memory, libc::MADV_COLLAPSE);
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = memory;
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod linux {
    /// Less is not worth a call (two large pages).
    const LEAST: usize = 1 << 22;

    /// Advises the system about the whole pages of some memory; without its consent everything works as before.
    #[expect(unsafe_code, reason = "there is no safe call for memory that is not a file's")]
    pub fn advise(memory: &[f32], advice: libc::c_int) {
        // The least page of any Linux; where pages are larger the system says no.
        const PAGE: usize = 4096;
        let bytes = memory.as_ptr_range();
        let (start, end) =
            (bytes.start.expose_provenance().next_multiple_of(PAGE), bytes.end.expose_provenance() / PAGE * PAGE);
        if end.saturating_sub(start) >= LEAST {
            // SAFETY: the pages are this slice's alone, and both kinds of advice leave what is in them as it is.
            unsafe { libc::madvise(std::ptr::with_exposed_provenance_mut(start), end - start, advice) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_what_they_are() {
        let mut memory = zeros(3 << 20);
        assert!(memory.iter().all(|value| *value == 0.0));
        memory.iter_mut().enumerate().for_each(|(index, value)| *value = index as f32);
        gather(&memory);
        assert!(memory.iter().enumerate().all(|(index, value)| *value == index as f32));
        gather(&[]);
        assert_eq!(zeros(3), [0.0; 3]);
    }
}
