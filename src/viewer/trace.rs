//! How long frames take, and when the first picture was seen; told through the log.

use std::time::{Duration, Instant};

/// Frames that take longer than this are felt.
pub const FRAME_BUDGET: Duration = Duration::from_millis(33);
/// Frames kept for the percentiles.
const KEPT: usize = 4096;

/// Counts frames.
#[derive(Debug)]
pub struct Trace {
    started: Instant,
    opened: Option<Instant>,
    first_picture: Option<Duration>,
    /// Durations in microseconds, the newest at `next`.
    frames: Vec<u32>,
    next: usize,
    total: u64,
    over_budget: u64,
    longest: Duration,
    startup_longest: Duration,
    /// Our own part of the frame that is being made: taking results, laying out. The rest is drawing.
    own: [Duration; 2],
    /// Each frame's time is logged at once.
    verbose: bool,
    reported: Instant,
}

/// What has been measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// Frames so far.
    pub frames: u64,
    /// Half of the last frames took less.
    pub median: Duration,
    /// 99 of 100 of the last frames took less.
    pub percentile99: Duration,
    /// The longest of all.
    pub longest: Duration,
    /// Frames over [`FRAME_BUDGET`].
    pub over_budget: u64,
    /// From opening to the first picture on the screen.
    pub first_picture: Option<Duration>,
}

impl Trace {
    /// Starts counting; `verbose` logs a line every second and each frame over budget.
    #[must_use]
    pub fn new(verbose: bool) -> Self {
        let now = Instant::now();
        Self {
            started: now,
            opened: None,
            first_picture: None,
            frames: Vec::with_capacity(KEPT),
            next: 0,
            total: 0,
            over_budget: 0,
            longest: Duration::ZERO,
            startup_longest: Duration::ZERO,
            own: [Duration::ZERO; 2],
            verbose,
            reported: now,
        }
    }

    /// Opening has begun: the clock of the first picture starts.
    pub fn opening(&mut self) {
        if self.first_picture.is_none() && self.opened.is_none() {
            self.opened = Some(Instant::now());
        }
    }

    /// A picture is on the screen.
    pub fn picture(&mut self) {
        if self.first_picture.is_none() {
            let elapsed = self.opened.unwrap_or(self.started).elapsed();
            self.first_picture = Some(elapsed);
            log::info!("First picture {} ms after opening", elapsed.as_millis());
        }
    }

    /// What taking results and commands cost in the frame that is being made.
    pub fn logic(&mut self, duration: Duration) {
        self.own[0] = duration;
    }

    /// What laying out cost in the frame that is being made.
    pub fn layout(&mut self, duration: Duration) {
        self.own[1] = duration;
    }

    /// A frame has taken `duration`; told before the next one's parts are. Frames before the first picture are counted apart.
    pub fn frame(&mut self, duration: Duration) {
        if self.first_picture.is_none() {
            // Fonts, shaders and the window itself are made here; nothing moves yet.
            self.startup_longest = self.startup_longest.max(duration);
            return;
        }
        let microseconds = u32::try_from(duration.as_micros()).unwrap_or(u32::MAX);
        if self.frames.len() < KEPT {
            self.frames.push(microseconds);
        } else {
            self.frames[self.next] = microseconds;
        }
        self.next = (self.next + 1) % KEPT;
        self.total += 1;
        self.longest = self.longest.max(duration);
        if duration > FRAME_BUDGET {
            self.over_budget += 1;
            let [logic, layout] = self.own.map(milliseconds);
            log::debug!(
                "Frame {} took {:.1} ms, of which logic {logic:.1}, layout {layout:.1}",
                self.total,
                milliseconds(duration)
            );
        }
        if self.verbose && self.reported.elapsed() > Duration::from_secs(1) {
            self.reported = Instant::now();
            self.log();
        }
    }

    /// What has been measured.
    #[must_use]
    pub fn report(&self) -> Report {
        let mut sorted = self.frames.clone();
        sorted.sort_unstable();
        let at = |part: f64| {
            let index = ((sorted.len() as f64 * part) as usize).min(sorted.len().saturating_sub(1));
            Duration::from_micros(sorted.get(index).copied().unwrap_or(0).into())
        };
        Report {
            frames: self.total,
            median: at(0.5),
            percentile99: at(0.99),
            longest: self.longest,
            over_budget: self.over_budget,
            first_picture: self.first_picture,
        }
    }

    /// Logs the report.
    pub fn log(&self) {
        let report = self.report();
        let first = report.first_picture.map_or("none".to_owned(), |first| format!("{} ms", first.as_millis()));
        log::info!(
            "Interface: {} frames, median {:.1} ms, 99 % {:.1} ms, longest {:.1} ms, {} over {} ms; first picture {first}, longest frame before it {:.1} ms",
            report.frames,
            milliseconds(report.median),
            milliseconds(report.percentile99),
            milliseconds(report.longest),
            report.over_budget,
            FRAME_BUDGET.as_millis(),
            milliseconds(self.startup_longest),
        );
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_frames_over_budget_are_counted() {
        let mut trace = Trace::new(false);
        trace.frame(Duration::from_secs(1));
        trace.picture();
        for milliseconds in 1..=100 {
            trace.frame(Duration::from_millis(milliseconds));
        }
        let report = trace.report();
        assert_eq!(report.frames, 100);
        assert_eq!(report.over_budget, 67);
        assert_eq!(report.longest, Duration::from_millis(100));
        assert_eq!(report.median, Duration::from_millis(51));
        assert_eq!(report.percentile99, Duration::from_millis(100));
        assert!(report.first_picture.is_some());
    }
}
