//! The painter: a thread that turns pictures, windows and maps into screen pixels, so that the viewer's thread never
//! touches one.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use egui::{Color32, ColorImage};

use super::lay::{self, MapOverlay};
use super::seen;
use super::textures::{Atlas, TextureKey};
use crate::display::colormap::Colormap;
use crate::display::{Picture, Voi};
use crate::engine::FeatureGrid;
use crate::explain::Activations;

/// Where a painted picture will be seen. A newer order for a seat replaces the older one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Seat {
    /// A tile of the layout.
    Tile(usize),
    /// The slice that will probably come next in a tile.
    Ahead(usize),
    /// The activation grid.
    Grid,
    /// A thumbnail of the browser, by series UID.
    Thumbnail(String),
}

/// What is to be painted.
#[derive(Clone)]
pub enum Job {
    /// A slice, with or without a map.
    Slice {
        /// The picture.
        picture: Arc<Picture>,
        /// Its window.
        voi: Voi,
        /// Grey levels reversed by the user.
        inverted: bool,
        /// What is laid over it.
        overlay: Option<MapOverlay>,
    },
    /// A small picture.
    Thumbnail {
        /// The picture.
        picture: Arc<Picture>,
        /// The longer side, in pixels.
        side: usize,
    },
    /// All channels of a layer.
    Atlas {
        /// The channels.
        activations: Arc<Activations>,
        /// Colours.
        colormap: &'static Colormap,
        /// One scale for all channels.
        shared_scale: bool,
    },
    /// What the strongest channels of a layer saw.
    Seen(Arc<FeatureGrid>),
}

/// A finished picture.
pub struct Painted {
    /// What it shows.
    pub key: TextureKey,
    /// Its pixels.
    pub image: ColorImage,
    /// For [`Job::Atlas`].
    pub atlas: Option<Atlas>,
}

/// What a channel of a layer holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Channel {
    /// Which channel of the layer, from 0.
    pub index: usize,
    /// Where its strongest unit is (row, column) and how strong, in a grid of what channels saw.
    pub unit: Option<((usize, usize), f32)>,
    /// Smallest value.
    pub min: f32,
    /// Largest value.
    pub max: f32,
    /// Mean value.
    pub mean: f32,
}

#[derive(Default)]
struct Orders {
    queue: VecDeque<Seat>,
    by_seat: HashMap<Seat, (TextureKey, Job)>,
    stopping: bool,
}

struct Shared {
    orders: Mutex<Orders>,
    arrived: Condvar,
}

/// The painter's thread, and its order book.
pub struct Painter {
    shared: Arc<Shared>,
    finished: mpsc::Receiver<Painted>,
    /// What each seat waits for, so that an order is given once.
    in_flight: HashMap<Seat, TextureKey>,
    thread: Option<JoinHandle<()>>,
}

impl Painter {
    /// Starts the thread. `wake` is called after each finished picture; no side of a picture exceeds `max_side`.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(max_side: usize, wake: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { orders: Mutex::default(), arrived: Condvar::new() });
        let (sender, finished) = mpsc::sync_channel(8);
        let worker = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("glassbox-painter".to_owned()).spawn(move || {
            while let Some((key, job)) = worker.next_order() {
                let (image, atlas) = paint(&job, max_side);
                if sender.send(Painted { key, image, atlas }).is_err() {
                    return;
                }
                wake();
            }
        })?;
        Ok(Self { shared, finished, in_flight: HashMap::new(), thread: Some(thread) })
    }

    /// Orders a picture for a seat unless the very same is already on its way there.
    pub fn order(&mut self, seat: Seat, key: TextureKey, job: impl FnOnce() -> Job) {
        if self.in_flight.get(&seat) == Some(&key) {
            return;
        }
        let mut orders = self.shared.lock();
        if orders.by_seat.insert(seat.clone(), (key.clone(), job())).is_none() {
            match seat {
                Seat::Tile(_) | Seat::Grid => orders.queue.push_front(seat.clone()),
                Seat::Ahead(_) | Seat::Thumbnail(_) => orders.queue.push_back(seat.clone()),
            }
        }
        drop(orders);
        self.in_flight.insert(seat, key);
        self.shared.arrived.notify_one();
    }

    /// What has been finished since the last call.
    pub fn finished(&mut self) -> Vec<Painted> {
        let finished: Vec<Painted> = self.finished.try_iter().collect();
        for painted in &finished {
            self.in_flight.retain(|_, key| *key != painted.key);
        }
        finished
    }

    /// Whether any picture is on its way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.in_flight.is_empty()
    }
}

impl Drop for Painter {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.arrived.notify_all();
        // Makes a send that waits for room fail, so that the thread ends.
        self.finished = mpsc::sync_channel(0).1;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("The painter's thread has panicked");
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next order; `None` when the painter is dropped.
    fn next_order(&self) -> Option<(TextureKey, Job)> {
        let mut orders = self.lock();
        loop {
            if orders.stopping {
                return None;
            }
            while let Some(seat) = orders.queue.pop_front() {
                if let Some(order) = orders.by_seat.remove(&seat) {
                    return Some(order);
                }
            }
            orders = self.arrived.wait(orders).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn paint(job: &Job, max_side: usize) -> (ColorImage, Option<Atlas>) {
    match job {
        Job::Slice { picture, voi, inverted, overlay } => {
            let mut rgba = picture.rgba8(Some(voi), *inverted);
            if let Some(overlay) = overlay {
                lay::over(&mut rgba, picture.rows, picture.columns, overlay);
            }
            (shrunk(picture.columns, picture.rows, &rgba, max_side), None)
        }
        Job::Thumbnail { picture, side } => {
            let rgba = picture.rgba8(Some(&picture.default_voi()), false);
            (shrunk(picture.columns, picture.rows, &rgba, *side), None)
        }
        Job::Atlas { activations, colormap, shared_scale } => {
            let (image, atlas) = atlas(activations, colormap, *shared_scale, max_side);
            (image, Some(atlas))
        }
        Job::Seen(grid) => {
            let (image, atlas) = seen::atlas(grid, max_side);
            (image, Some(atlas))
        }
    }
}

/// The picture, averaged over squares of whole pixels until no side is longer than `max_side`.
fn shrunk(width: usize, height: usize, rgba: &[u8], max_side: usize) -> ColorImage {
    let step = width.max(height).div_ceil(max_side.max(1)).max(1);
    if step == 1 {
        return ColorImage::from_rgba_unmultiplied([width, height], rgba);
    }
    let (across, down) = (width.div_ceil(step), height.div_ceil(step));
    let mut pixels = Vec::with_capacity(across * down);
    for row in 0..down {
        for column in 0..across {
            let (rows, columns) =
                (row * step..((row + 1) * step).min(height), column * step..((column + 1) * step).min(width));
            let count = (rows.len() * columns.len()) as u32;
            let mut sum = [0_u32; 3];
            for y in rows {
                for x in columns.clone() {
                    let pixel = &rgba[(y * width + x) * 4..][..3];
                    sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += u32::from(*value));
                }
            }
            let [red, green, blue] = sum.map(|sum| (sum / count) as u8);
            pixels.push(Color32::from_rgb(red, green, blue));
        }
    }
    ColorImage::new([across, down], pixels)
}

/// The longest side of a channel in the grid, in texels.
const CELL_TEXELS: usize = 64;

fn atlas(activations: &Activations, colormap: &Colormap, shared_scale: bool, max_side: usize) -> (ColorImage, Atlas) {
    let (rows, columns) = (activations.rows.max(1), activations.columns.max(1));
    let plane = rows * columns;
    let channels: Vec<Channel> = (activations.minimum.iter().zip(&activations.maximum).zip(&activations.mean))
        .enumerate()
        .map(|(index, ((min, max), mean))| Channel { index, unit: None, min: *min, max: *max, mean: *mean })
        .collect();
    let step = rows.max(columns).div_ceil(CELL_TEXELS);
    let (width, height) = (columns.div_ceil(step), rows.div_ceil(step));
    let pitch = [width + 1, height + 1];
    let cells_across = ((channels.len() as f32).sqrt().ceil() as usize).clamp(1, (max_side / pitch[0]).max(1));
    let cells_down = channels.len().div_ceil(cells_across).max(1);
    let size = [cells_across * pitch[0], cells_down * pitch[1]];
    let mut pixels = vec![Color32::BLACK; size[0] * size[1]];
    let lookup: Vec<Color32> = (0..=255_u8)
        .map(|level| {
            let [red, green, blue] = colormap.rgb(f32::from(level) / 255.0);
            Color32::from_rgb(red, green, blue)
        })
        .collect();
    let common = channels
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), channel| (low.min(channel.min), high.max(channel.max)));
    for (index, (values, channel)) in activations.values.chunks_exact(plane).zip(&channels).enumerate() {
        let (low, high) = if shared_scale { common } else { (channel.min, channel.max) };
        let factor = if high > low { 255.0 / (high - low) } else { 0.0 };
        let corner = [(index % cells_across) * pitch[0], (index / cells_across) * pitch[1]];
        for y in 0..height {
            for x in 0..width {
                let value = mean_of_square(values, columns, rows, x * step, y * step, step);
                let level = ((value - low) * factor).clamp(0.0, 255.0) as usize;
                pixels[(corner[1] + y) * size[0] + corner[0] + x] = lookup[level];
            }
        }
    }
    let atlas = Atlas { channels, cells_across, cell_texels: [width, height], pitch_texels: pitch };
    (ColorImage::new(size, pixels), atlas)
}

fn mean_of_square(values: &[f32], columns: usize, rows: usize, x: usize, y: usize, step: usize) -> f32 {
    if step == 1 {
        return values[y * columns + x];
    }
    let mut sum = 0.0;
    let mut count = 0_u32;
    for row in y..(y + step).min(rows) {
        for value in &values[row * columns + x..row * columns + (x + step).min(columns)] {
            sum += value;
            count += 1;
        }
    }
    sum / count.max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_picture_is_averaged_down_to_what_the_graphics_card_takes() {
        let rgba: Vec<u8> = (0..5 * 3).flat_map(|index| [index as u8 * 10, 0, 0, 255]).collect();
        let image = shrunk(5, 3, &rgba, 3);
        assert_eq!(image.size, [3, 2]);
        // (0 + 10 + 50 + 60) / 4
        assert_eq!(image.pixels[0], Color32::from_rgb(30, 0, 0));
        // The last column and row have less to average.
        assert_eq!(image.pixels[5], Color32::from_rgb(140, 0, 0));
    }
}
