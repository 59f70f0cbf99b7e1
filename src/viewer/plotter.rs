//! The plotter: a thread that turns draws into curves, so that the viewer's thread never sums up kernels.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::engine::UncertaintyResult;
use crate::uncertainty::{Density, Histogram, LogitNormal};

/// Bars of a histogram.
pub const BINS: usize = 40;

/// Ticks of a rug at most: more can't be told apart.
const TICKS: usize = 500;

/// How long a plot that is out of date stays before the panel says that it waits.
pub const BRIDGE: Duration = Duration::from_millis(250);

/// Which of the plot's images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Seat {
    /// The image in view.
    InView,
    /// The pinned one.
    Pinned,
}

/// What is to be drawn of one image.
#[derive(Debug, Clone)]
pub struct Order {
    /// The draws.
    pub result: Arc<UncertaintyResult>,
    /// These classes.
    pub classes: Vec<usize>,
    /// The kernel's standard deviation; `None` = by Silverman's rule.
    pub bandwidth: Option<f32>,
    /// Bars instead of a curve.
    pub histogram: bool,
    /// A tick for each pass.
    pub rug: bool,
}

impl PartialEq for Order {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.result, &other.result)
            && (&self.classes, self.bandwidth, self.histogram, self.rug)
                == (&other.classes, other.bandwidth, other.histogram, other.rug)
    }
}

/// What is drawn of one image.
#[derive(Debug, Clone)]
pub struct Drawing {
    /// The draws it was made from.
    pub result: Arc<UncertaintyResult>,
    /// One a class, the likeliest first.
    pub classes: Vec<ClassDrawing>,
}

/// What is drawn of one class.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassDrawing {
    /// Index of the class.
    pub class: usize,
    /// The curve, or the outline of the bars: probability and density, from left to right.
    pub outline: Vec<[f64; 2]>,
    /// The highest density.
    pub top: f64,
    /// How the outline came about.
    pub kind: Kind,
    /// Where passes lie, if ticks are asked for.
    pub rug: Vec<f32>,
    /// What is said and drawn of the class beside the curve.
    pub numbers: Numbers,
}

/// How an outline came about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Kernel density estimate, with the kernel's standard deviation.
    Kernels(f32),
    /// Bars.
    Histogram,
    /// The density itself, of one sigmoid behind a Gaussian logit.
    Exact,
}

/// Where a class's distribution lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Numbers {
    /// The answer of the plain network, at the mean of the weights.
    pub point: Option<f32>,
    /// Mean.
    pub mean: f32,
    /// Median.
    pub median: f32,
    /// From the 25th to the 75th percentile.
    pub interval50: [f32; 2],
    /// From the 5th to the 95th percentile.
    pub interval90: [f32; 2],
    /// Share of the passes in which the class is the likeliest one.
    pub top: f32,
}

impl Drawing {
    /// Draws what is ordered.
    #[must_use]
    pub fn of(order: &Order) -> Self {
        let result = &order.result;
        let count = result.densities.len();
        let classes = order.classes.iter().filter(|class| **class < count);
        let classes = classes.map(|class| class_drawing(order, *class, count)).collect();
        Self { result: Arc::clone(result), classes }
    }

    /// How high the plot has to be: the tallest curve, but no more than a few times the flattest, which would
    /// otherwise not be seen beside a needle.
    #[must_use]
    pub fn height<'a>(drawings: impl Iterator<Item = &'a Self>) -> f64 {
        const MOST: f64 = 8.0;
        let tops = drawings.flat_map(|drawing| &drawing.classes).map(|class| class.top).filter(|top| *top > 0.0);
        let (low, high) = tops.fold((f64::INFINITY, 0.0_f64), |(low, high), top| (low.min(top), high.max(top)));
        if high > 0.0 { high.min(low * MOST) } else { 1.0 }
    }
}

fn class_drawing(order: &Order, class: usize, count: usize) -> ClassDrawing {
    let result = &order.result;
    let samples: Vec<f32> = result.probabilities.iter().skip(class).step_by(count.max(1)).copied().collect();
    let exact = exact(result, class, count);
    let (outline, kind) = match (&exact, order.bandwidth) {
        _ if order.histogram => (bars(&Histogram::of(&samples, BINS)), Kind::Histogram),
        (Some(exact), _) => (points(&exact.density(Density::MOST_POINTS)), Kind::Exact),
        (None, Some(width)) => {
            let density = Density::with(&samples, Some(width), Density::MOST_POINTS);
            (points(&density), Kind::Kernels(density.bandwidth))
        }
        (None, None) => (points(&result.densities[class]), Kind::Kernels(result.densities[class].bandwidth)),
    };
    let top = outline.iter().fold(0.0_f64, |top, point| top.max(point[1]));
    ClassDrawing {
        class,
        outline: if kind == Kind::Histogram { outline } else { trimmed(thinned(&outline, top * 5e-4), top * 5e-4) },
        top,
        kind,
        rug: if order.rug { ticks(&samples) } else { Vec::new() },
        numbers: numbers(result, class, exact.as_ref()),
    }
}

/// The distribution of a class itself, where it is known: of one sigmoid, and mirrored of its opposite.
fn exact(result: &UncertaintyResult, class: usize, count: usize) -> Option<LogitNormal> {
    let exact = result.exact?;
    match (count, class) {
        (1, _) | (2, 1) => Some(exact),
        (2, 0) => Some(LogitNormal { mean: -exact.mean, ..exact }),
        _ => None,
    }
}

fn numbers(result: &UncertaintyResult, class: usize, exact: Option<&LogitNormal>) -> Numbers {
    let summary = &result.summary;
    let of = |values: &[f32]| values.get(class).copied().unwrap_or(f32::NAN);
    let interval = |values: &[[f32; 2]]| values.get(class).copied().unwrap_or([f32::NAN; 2]);
    let drawn = Numbers {
        point: result.point.get(class).copied(),
        mean: of(&summary.mean),
        median: of(&summary.median),
        interval50: interval(&summary.interval50),
        interval90: interval(&summary.interval90),
        top: of(&summary.top_probability),
    };
    let Some(exact) = exact else { return drawn };
    let at = |part: f64| exact.quantile(part) as f32;
    Numbers {
        mean: exact.mean() as f32,
        median: at(0.5),
        interval50: [at(0.25), at(0.75)],
        interval90: [at(0.05), at(0.95)],
        ..drawn
    }
}

fn points(density: &Density) -> Vec<[f64; 2]> {
    density.x.iter().zip(&density.y).map(|(x, y)| [f64::from(*x), f64::from(*y)]).collect()
}

/// The outline of bars, from left to right.
fn bars(histogram: &Histogram) -> Vec<[f64; 2]> {
    let width = 1.0 / histogram.heights.len().max(1) as f64;
    let mut outline = vec![[0.0, 0.0]];
    for (index, height) in histogram.heights.iter().enumerate() {
        let (left, height) = (index as f64 * width, f64::from(*height));
        outline.extend([[left, height], [left + width, height]]);
    }
    outline.push([1.0, 0.0]);
    outline
}

/// Places of passes, each once, as many as can be told apart.
fn ticks(samples: &[f32]) -> Vec<f32> {
    let mut hit = vec![false; TICKS];
    for sample in samples.iter().filter(|sample| sample.is_finite()) {
        hit[((sample.clamp(0.0, 1.0) * TICKS as f32) as usize).min(TICKS - 1)] = true;
    }
    (0..TICKS).filter(|index| hit[*index]).map(|index| (index as f32 + 0.5) / TICKS as f32).collect()
}

/// The line with points left out that lie nearer than `tolerance` above or below it (Douglas and Peucker 1973).
fn thinned(line: &[[f64; 2]], tolerance: f64) -> Vec<[f64; 2]> {
    if line.len() < 3 {
        return line.to_vec();
    }
    let mut kept = vec![false; line.len()];
    (kept[0], kept[line.len() - 1]) = (true, true);
    let mut spans = vec![(0, line.len() - 1)];
    while let Some((first, last)) = spans.pop() {
        let ([x0, y0], [x1, y1]) = (line[first], line[last]);
        let distance = |[x, y]: [f64; 2]| {
            // Where a line stands upright, every point of it counts.
            if x1 > x0 { (y - y0 - (y1 - y0) * (x - x0) / (x1 - x0)).abs() } else { f64::INFINITY }
        };
        let farthest = (first + 1..last).map(|index| (distance(line[index]), index)).max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((distance, index)) = farthest
            && distance > tolerance
        {
            kept[index] = true;
            spans.extend([(first, index), (index, last)]);
        }
    }
    line.iter().zip(kept).filter(|(_, kept)| *kept).map(|(point, _)| *point).collect()
}

/// The line without what lies on the base line before it rises and after it has come down.
fn trimmed(mut line: Vec<[f64; 2]>, least: f64) -> Vec<[f64; 2]> {
    let is_up = |point: &[f64; 2]| point[1] > least;
    let (Some(first), Some(last)) = (line.iter().position(is_up), line.iter().rposition(is_up)) else { return line };
    line.truncate((last + 2).min(line.len()));
    line.drain(..first.saturating_sub(1));
    line
}

#[derive(Default)]
struct Orders {
    by_seat: HashMap<Seat, Order>,
    stopping: bool,
}

#[derive(Default)]
struct Shared {
    orders: Mutex<Orders>,
    arrived: Condvar,
}

/// The plotter's thread, and what it has drawn.
pub struct Plotter {
    shared: Arc<Shared>,
    finished: mpsc::Receiver<(Order, Arc<Drawing>)>,
    /// What each seat waits for, so that an order is given once.
    in_flight: HashMap<Seat, Order>,
    /// What was drawn last, the newest at the end.
    known: Vec<(Order, Arc<Drawing>)>,
    /// What each seat showed last, and when that was up to date.
    last: HashMap<Seat, (Arc<Drawing>, Instant)>,
    thread: Option<JoinHandle<()>>,
}

/// A drawing with whether it is the one that was asked for.
pub type Shown = (Arc<Drawing>, bool);

impl Plotter {
    /// Drawings kept for going back and forth between slices.
    const KEPT: usize = 48;
    /// What the draws they were made from may take, in bytes.
    const KEPT_BYTES: usize = 64 << 20;

    /// Starts the thread. `wake` is called after each finished drawing.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(wake: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (sender, finished) = mpsc::sync_channel(4);
        let worker = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("glassbox-plotter".to_owned()).spawn(move || {
            while let Some(order) = worker.next_order() {
                let drawing = Arc::new(Drawing::of(&order));
                if sender.send((order, drawing)).is_err() {
                    return;
                }
                wake();
            }
        })?;
        let (in_flight, last) = (HashMap::new(), HashMap::new());
        Ok(Self { shared, finished, in_flight, known: Vec::new(), last, thread: Some(thread) })
    }

    /// Takes what has been drawn since the last call.
    pub fn take_finished(&mut self) {
        for (order, drawing) in self.finished.try_iter() {
            self.in_flight.retain(|_, waiting| *waiting != order);
            self.known.push((order, drawing));
        }
        let bytes = |known: &[(Order, Arc<Drawing>)]| -> usize {
            known.iter().map(|(order, _)| order.result.probabilities.len() * size_of::<f32>()).sum()
        };
        while self.known.len() > Self::KEPT || (self.known.len() > 2 && bytes(&self.known) > Self::KEPT_BYTES) {
            self.known.remove(0);
        }
    }

    /// The drawing of an order, or for a moment the one before; orders what is missing.
    pub fn drawing(&mut self, seat: Seat, order: Option<Order>) -> Option<Shown> {
        if let Some(order) = order {
            if let Some((_, drawing)) = self.known.iter().rev().find(|(known, _)| *known == order) {
                self.last.insert(seat, (Arc::clone(drawing), Instant::now()));
                return Some((Arc::clone(drawing), true));
            }
            if self.in_flight.get(&seat) != Some(&order) {
                self.shared.lock().by_seat.insert(seat, order.clone());
                self.shared.arrived.notify_one();
                self.in_flight.insert(seat, order);
            }
            // Other bandwidths of the same draws may stand in for longer: only the curve is out of date.
            let waiting = self.in_flight.get(&seat).map(|order| &order.result);
            let (last, _) = self.last.get(&seat)?;
            if waiting.is_some_and(|result| Arc::ptr_eq(result, &last.result)) {
                return Some((Arc::clone(last), false));
            }
        }
        let (last, since) = self.last.get(&seat)?;
        (since.elapsed() < BRIDGE).then(|| (Arc::clone(last), false))
    }

    /// What a seat shows now.
    #[must_use]
    pub fn shown(&self, seat: Seat) -> Option<&Arc<Drawing>> {
        self.last.get(&seat).map(|(drawing, _)| drawing)
    }

    /// Forgets what a seat showed last, so that nothing of it stands in for something else.
    pub fn forget(&mut self, seat: Seat) {
        self.last.remove(&seat);
    }
}

impl Drop for Plotter {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.arrived.notify_all();
        // Makes a send that waits for room fail, so that the thread ends.
        self.finished = mpsc::sync_channel(0).1;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("The plotter's thread has panicked");
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next order; the image in view first. `None` when the plotter is dropped.
    fn next_order(&self) -> Option<Order> {
        let mut orders = self.lock();
        loop {
            if orders.stopping {
                return None;
            }
            for seat in [Seat::InView, Seat::Pinned] {
                if let Some(order) = orders.by_seat.remove(&seat) {
                    return Some(order);
                }
            }
            orders = self.arrived.wait(orders).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests;
