//! How long frames take, and when the first ones were seen; told through the log.

use std::time::{Duration, Instant};

/// Frames that take longer than this are felt.
pub const FRAME_BUDGET: Duration = Duration::from_millis(33);
/// Frames kept for the percentiles.
const KEPT: usize = 4096;

/// Counts frames.
#[derive(Debug)]
pub struct Trace {
    started: Instant,
    /// When the first frame was begun.
    first_begun: Option<Instant>,
    first_frame: Option<Duration>,
    opened: Option<Instant>,
    first_picture: Option<Duration>,
    /// Whole frames, drawing included.
    whole: Durations,
    /// Our own part of them.
    own: Durations,
    over_budget: u64,
    startup_longest: Duration,
    /// Our own part of the frame that is being made: taking results, laying out. The rest is drawing.
    parts: [Duration; 2],
    /// Each frame's time is logged at once.
    verbose: bool,
    reported: Instant,
}

/// The durations of the last frames, in microseconds.
#[derive(Debug, Default)]
struct Durations {
    /// The newest is before `next`.
    kept: Vec<u32>,
    next: usize,
    total: u64,
    longest: Duration,
}

/// How long something takes from frame to frame.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spread {
    /// Half of the last frames took less.
    pub median: Duration,
    /// 99 of 100 of the last frames took less.
    pub percentile99: Duration,
    /// The longest of all.
    pub longest: Duration,
}

/// What has been measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// Frames so far.
    pub frames: u64,
    /// Whole frames, with what the graphics driver (without a graphics card: the software rasteriser) takes.
    pub whole: Spread,
    /// The interface's own code: taking results, running commands, laying out.
    pub own: Spread,
    /// Whole frames over [`FRAME_BUDGET`].
    pub over_budget: u64,
    /// From the start of the program to the end of its first frame.
    pub first_frame: Option<Duration>,
    /// From opening to the first picture on the screen.
    pub first_picture: Option<Duration>,
}

impl Durations {
    fn add(&mut self, duration: Duration) {
        let microseconds = u32::try_from(duration.as_micros()).unwrap_or(u32::MAX);
        if self.kept.len() < KEPT {
            self.kept.push(microseconds);
        } else {
            self.kept[self.next] = microseconds;
        }
        self.next = (self.next + 1) % KEPT;
        self.total += 1;
        self.longest = self.longest.max(duration);
    }

    fn spread(&self) -> Spread {
        let mut sorted = self.kept.clone();
        sorted.sort_unstable();
        let at = |part: f64| {
            let index = ((sorted.len() as f64 * part) as usize).min(sorted.len().saturating_sub(1));
            Duration::from_micros(sorted.get(index).copied().unwrap_or(0).into())
        };
        Spread { median: at(0.5), percentile99: at(0.99), longest: self.longest }
    }
}

impl Trace {
    /// Starts counting; `started` is when the program was, `verbose` logs a line every second and each frame over budget.
    #[must_use]
    pub fn new(started: Instant, verbose: bool) -> Self {
        Self {
            started,
            first_begun: None,
            first_frame: None,
            opened: None,
            first_picture: None,
            whole: Durations::default(),
            own: Durations::default(),
            over_budget: 0,
            startup_longest: Duration::ZERO,
            parts: [Duration::ZERO; 2],
            verbose,
            reported: Instant::now(),
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
        if self.first_begun.is_none() {
            self.first_begun = Instant::now().checked_sub(duration);
        }
        self.parts[0] = duration;
    }

    /// What laying out cost in the frame that is being made.
    pub fn layout(&mut self, duration: Duration) {
        self.parts[1] = duration;
    }

    /// A frame has taken `duration`; told before the next one's parts are. Frames before the first picture are counted
    /// apart.
    pub fn frame(&mut self, duration: Duration) {
        if self.first_frame.is_none()
            && let Some(begun) = self.first_begun
        {
            let after = begun.saturating_duration_since(self.started) + duration;
            self.first_frame = Some(after);
            log::info!("First frame {} ms after the start", after.as_millis());
        }
        if self.first_picture.is_none() {
            // Fonts, shaders and the window itself are made here; nothing moves yet.
            self.startup_longest = self.startup_longest.max(duration);
            return;
        }
        self.whole.add(duration);
        self.own.add(self.parts.iter().sum());
        if duration > FRAME_BUDGET {
            self.over_budget += 1;
            let [logic, layout] = self.parts.map(milliseconds);
            log::debug!(
                "Frame {} took {:.1} ms, of which logic {logic:.1}, layout {layout:.1}",
                self.whole.total,
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
        Report {
            frames: self.whole.total,
            whole: self.whole.spread(),
            own: self.own.spread(),
            over_budget: self.over_budget,
            first_frame: self.first_frame,
            first_picture: self.first_picture,
        }
    }

    /// Logs the report.
    pub fn log(&self) {
        let report = self.report();
        let told =
            |after: Option<Duration>| after.map_or("none".to_owned(), |after| format!("{} ms", after.as_millis()));
        log::info!(
            "Interface: {} frames, own code {}, with drawing {}, {} over {} ms; first frame {}, first picture {}, longest frame before it {:.1} ms",
            report.frames,
            report.own,
            report.whole,
            report.over_budget,
            FRAME_BUDGET.as_millis(),
            told(report.first_frame),
            told(report.first_picture),
            milliseconds(self.startup_longest),
        );
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [median, percentile99, longest] = [self.median, self.percentile99, self.longest].map(milliseconds);
        write!(f, "median {median:.1} ms, 99 % {percentile99:.1} ms, longest {longest:.1} ms")
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
        let mut trace = Trace::new(Instant::now(), false);
        trace.logic(Duration::ZERO);
        trace.frame(Duration::from_secs(1));
        trace.picture();
        for milliseconds in 1..=100 {
            trace.logic(Duration::from_micros(10 * milliseconds));
            trace.layout(Duration::from_micros(90 * milliseconds));
            trace.frame(Duration::from_millis(milliseconds));
        }
        let report = trace.report();
        assert_eq!(report.frames, 100);
        assert_eq!(report.over_budget, 67);
        assert_eq!(report.whole.longest, Duration::from_millis(100));
        assert_eq!(report.whole.median, Duration::from_millis(51));
        assert_eq!(report.whole.percentile99, Duration::from_millis(100));
        assert_eq!(report.own.median, Duration::from_micros(5100));
        assert!(report.first_picture.is_some());
        assert!(report.first_frame.is_some_and(|after| after >= Duration::from_secs(1)));
    }
}
