//! Networks use all cores; the viewer's thread must still get one when it has a frame to draw.

/// Lowers the calling thread's priority, so that the viewer's thread goes first. Without the right to do so the
/// thread runs as it is; nothing depends on it but smoothness.
#[cfg(target_os = "linux")]
pub fn step_back() {
    /// Nice value of worker threads, as a background job has it.
    const BACKGROUND: i32 = 10;
    if let Err(error) = rustix::process::setpriority_process(None, BACKGROUND) {
        log::debug!("worker threads keep their priority: {error}");
    }
}

/// Other systems' schedulers favour the thread of the window in the foreground by themselves.
#[cfg(not(target_os = "linux"))]
pub fn step_back() {}
