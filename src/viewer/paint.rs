//! The painter: a thread that turns pictures, windows and maps into screen pixels, so that the viewer's thread never
//! touches one.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use egui::{Color32, ColorImage};

use super::inside::atlas::{self, Colours};
use super::inside::kernels::{self, Form};
use super::inside::overlay::ChannelOverlay;
use super::inside::patch;
use super::lay::{self, MapOverlay};
use super::seen;
use super::textures::{Atlas, TextureKey};
use crate::display::colormap::Colormap;
use crate::display::{Picture, Voi};
use crate::engine::FeatureGrid;
use crate::explain::{Activations, Fill};
use crate::inside::Filters;
use crate::study::Source;

/// Where a painted picture will be seen. A newer order for a seat replaces the older one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Seat {
    /// A tile of the layout.
    Tile(usize),
    /// The slice that will probably come next in a tile.
    Ahead(usize),
    /// A page of the activation grid, or the pictures of what channels saw as page 0.
    Grid(usize),
    /// A thumbnail of the browser, by series UID.
    Thumbnail(String),
    /// A page of the filters.
    Filters(usize),
    /// A small picture of an image among many.
    Small(Source),
    /// A patch of an image among many.
    Patch(Source),
    /// What lies under a cover, by the slot.
    Fill(usize),
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
        overlay: Option<Laid>,
    },
    /// A small picture.
    Thumbnail {
        /// The picture.
        picture: Arc<Picture>,
        /// The longer side, in pixels.
        side: usize,
    },
    /// A page of a layer's channels.
    Atlas {
        /// The channels.
        activations: Arc<Activations>,
        /// Their colours.
        colours: Colours,
        /// Which page, see [`Pages`](atlas::Pages).
        page: usize,
    },
    /// What the strongest channels of a layer saw.
    Seen(Arc<FeatureGrid>),
    /// What lies under a cover.
    Fill(Arc<Fill>),
    /// A page of a layer's filters.
    Filters {
        /// The filters.
        filters: Arc<Filters>,
        /// Colours around 0, where a filter is no picture in colour.
        colormap: &'static Colormap,
        /// One scale for all filters.
        shared_scale: bool,
        /// Which page.
        page: usize,
    },
    /// What a unit sees of an image.
    Patch {
        /// The picture.
        picture: Arc<Picture>,
        /// `x0, y0, x1, y1`, the centre of the first pixel being 0, 0.
        patch: [f32; 4],
        /// The longer side, in pixels, at most.
        side: usize,
    },
}

/// What is laid over a slice.
#[derive(Clone)]
pub enum Laid {
    /// A map.
    Map(MapOverlay),
    /// A channel of a layer.
    Channel(ChannelOverlay),
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
    /// How the values lie, where that has been looked at.
    pub spread: Option<Spread>,
}

/// How the values of a channel lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Standard deviation over rows and columns.
    pub deviation: f32,
    /// The part of the places with a positive value, 0 ..= 1.
    pub active: f32,
    /// Row and column of the largest value.
    pub peak: (usize, usize),
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
                Seat::Tile(_) | Seat::Grid(_) | Seat::Filters(_) | Seat::Fill(_) => {
                    orders.queue.push_front(seat.clone());
                }
                Seat::Ahead(_) | Seat::Thumbnail(_) | Seat::Small(_) | Seat::Patch(_) => {
                    orders.queue.push_back(seat.clone());
                }
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
            match overlay {
                Some(Laid::Map(overlay)) => lay::over(&mut rgba, picture.rows, picture.columns, overlay),
                Some(Laid::Channel(overlay)) => lay::over(&mut rgba, picture.rows, picture.columns, &overlay.map()),
                None => {}
            }
            (shrunk(picture.columns, picture.rows, &rgba, max_side), None)
        }
        Job::Thumbnail { picture, side } => {
            let rgba = picture.rgba8(Some(&picture.default_voi()), false);
            (shrunk(picture.columns, picture.rows, &rgba, *side), None)
        }
        Job::Atlas { activations, colours, page } => {
            let (image, atlas) = atlas::page(activations, *colours, *page);
            (image, Some(atlas))
        }
        Job::Filters { filters, colormap, shared_scale, page } => match kernels::form(filters) {
            Form::Matrix => (kernels::matrix(filters, colormap, *shared_scale, *page), None),
            Form::Colour | Form::Single => {
                let (image, atlas) = kernels::images(filters, colormap, *shared_scale, *page);
                (image, Some(atlas))
            }
        },
        Job::Patch { picture, patch, side } => {
            let (rgba, [width, height]) = patch::cut(picture, *patch);
            (shrunk(width, height, &rgba, *side), None)
        }
        Job::Fill(fill) => {
            let rgba: Vec<u8> = fill.rgb.iter().flat_map(|&[red, green, blue]| [red, green, blue, 255]).collect();
            (shrunk(fill.columns, fill.rows, &rgba, max_side), None)
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
