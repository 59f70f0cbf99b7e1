//! Pictures on the graphics card: uploaded once, found by what they show, dropped when the budget is used up.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use egui::{ColorImage, TextureHandle, TextureOptions};

use super::paint::{Channel, Painted};
use super::state::Superpixels;
use crate::display::Voi;
use crate::engine::{Key, MapKey, ModelId};
use crate::explain::Baseline;
use crate::study::Source;

/// Everything that determines what a texture shows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TextureKey {
    /// A slice through a window, with or without a map over it.
    Slice {
        /// The slice.
        source: Source,
        /// Digest of the window, see [`voi_digest`].
        voi: u64,
        /// Grey levels reversed by the user.
        inverted: bool,
        /// The map over it.
        overlay: Option<OverlayKey>,
    },
    /// A small picture of a series.
    Thumbnail(Source),
    /// A page of a layer's channels.
    Atlas {
        /// The model.
        model: ModelId,
        /// The slice.
        source: Source,
        /// The layer.
        layer: Arc<str>,
        /// Colour maps of layers without and with negative values.
        colormaps: [&'static str; 2],
        /// One scale for all channels.
        shared_scale: bool,
        /// Which page.
        page: usize,
    },
    /// A page of a layer's filters.
    Filters {
        /// The model.
        model: ModelId,
        /// The layer.
        layer: Arc<str>,
        /// Colours around 0.
        colormap: &'static str,
        /// One scale for all filters.
        shared_scale: bool,
        /// Which page.
        page: usize,
    },
    /// What a unit sees of an image: the corners of the patch, as bits.
    Patch(Source, [u32; 4]),
    /// What the strongest channels of a layer saw, by the key of that result.
    Seen(Key),
    /// What lies under a cover of a slice.
    Fill {
        /// The model, whose input it is in.
        model: ModelId,
        /// The slice.
        source: Source,
        /// What it is.
        baseline: Baseline,
    },
}

/// Everything that determines how a map is laid over a slice.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OverlayKey {
    /// What it is.
    pub of: OverlayOf,
    /// Colour map.
    pub colormap: &'static str,
    /// Opacity and threshold in thousandths.
    pub opacity_and_threshold: [u16; 2],
    /// The common scale, as bits; `None` = the map's own.
    pub range: Option<[u32; 2]>,
    /// How many superpixels are shown, where it has any.
    pub superpixels: Option<Superpixels>,
    /// 0 for the finished map, else which of the maps on the way to it.
    pub interim: u32,
}

/// What is laid over a slice.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OverlayOf {
    /// A map.
    Map(MapKey),
    /// A channel of a layer.
    Channel {
        /// The model.
        model: ModelId,
        /// The layer.
        layer: Arc<str>,
        /// The channel, from 0.
        channel: usize,
    },
}

/// A number that differs between windows that look different.
#[must_use]
pub fn voi_digest(voi: &Voi) -> u64 {
    let mut hasher = DefaultHasher::new();
    match voi {
        Voi::Window { centre, width, function, .. } => {
            (0, centre.to_bits(), width.to_bits(), *function as u8).hash(&mut hasher);
        }
        Voi::Table { first, bits, values, .. } => (1, first, bits, values).hash(&mut hasher),
    }
    hasher.finish()
}

/// A texture in use.
#[derive(Clone)]
pub struct Texture {
    /// The handle; dropping the last one frees the texture.
    pub handle: TextureHandle,
    /// For an activation atlas: the channels and how they are arranged.
    pub channels: Option<Arc<Atlas>>,
}

/// How the channels of a page lie in their texture.
#[derive(Debug, Clone, PartialEq)]
pub struct Atlas {
    /// Name the channel and say where it is strong.
    pub channels: Vec<Channel>,
    /// Cells in a row of the texture.
    pub cells_across: usize,
    /// Width and height of a cell's content, in texels.
    pub cell_texels: [usize; 2],
    /// Distance of cells, in texels.
    pub pitch_texels: [usize; 2],
}

struct Entry {
    texture: Texture,
    bytes: usize,
    used_at: u64,
}

/// Textures by what they show; least recently used go first.
pub struct Textures {
    entries: HashMap<TextureKey, Entry>,
    waiting: Vec<Painted>,
    bytes: usize,
    limit_bytes: usize,
    frame: u64,
}

impl Textures {
    /// Bytes uploaded in one frame at most (one picture is always uploaded, however large): a software renderer copies
    /// them on the viewer's thread.
    const UPLOAD_BYTES: usize = 2 << 20;

    /// Holds at most `limit_bytes` on the graphics card.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self { entries: HashMap::new(), waiting: Vec::new(), bytes: 0, limit_bytes, frame: 0 }
    }

    /// Takes what the painter has finished and uploads as much as a frame has time for.
    /// Returns whether something is left for the next frame.
    pub fn accept(&mut self, ctx: &egui::Context, painted: impl Iterator<Item = Painted>) -> bool {
        self.frame += 1;
        self.waiting.extend(painted);
        // Newest last, and those first that a viewport waits for.
        self.waiting.sort_by_key(|painted| matches!(painted.key, TextureKey::Thumbnail(_) | TextureKey::Patch(..)));
        let mut uploaded = 0;
        let mut taken = 0;
        for painted in &self.waiting {
            let bytes = image_bytes(&painted.image);
            if taken > 0 && uploaded + bytes > Self::UPLOAD_BYTES {
                break;
            }
            uploaded += bytes;
            taken += 1;
        }
        for painted in self.waiting.drain(..taken).collect::<Vec<_>>() {
            self.upload(ctx, painted);
        }
        self.evict();
        !self.waiting.is_empty()
    }

    /// The texture that shows this, if it is there.
    pub fn get(&mut self, key: &TextureKey) -> Option<Texture> {
        let entry = self.entries.get_mut(key)?;
        entry.used_at = self.frame;
        Some(entry.texture.clone())
    }

    /// Whether the texture is there or waits to be uploaded.
    #[must_use]
    pub fn contains(&self, key: &TextureKey) -> bool {
        self.entries.contains_key(key) || self.waiting.iter().any(|painted| painted.key == *key)
    }

    /// Bytes on the graphics card.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Frees everything.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.waiting.clear();
        self.bytes = 0;
    }

    fn upload(&mut self, ctx: &egui::Context, painted: Painted) {
        let options = match painted.key {
            TextureKey::Slice { .. } | TextureKey::Thumbnail(_) | TextureKey::Seen(_) | TextureKey::Fill { .. } => {
                TextureOptions::LINEAR
            }
            TextureKey::Atlas { .. } | TextureKey::Filters { .. } | TextureKey::Patch(..) => TextureOptions::NEAREST,
        };
        let bytes = image_bytes(&painted.image);
        let handle = ctx.load_texture("glassbox", painted.image, options);
        let texture = Texture { handle, channels: painted.atlas.map(Arc::new) };
        if let Some(old) = self.entries.insert(painted.key, Entry { texture, bytes, used_at: self.frame }) {
            self.bytes -= old.bytes;
        }
        self.bytes += bytes;
    }

    fn evict(&mut self) {
        while self.bytes > self.limit_bytes {
            // What was shown in the last frame stays, whatever the budget says.
            let oldest = self
                .entries
                .iter()
                .filter(|(_, entry)| entry.used_at + 1 < self.frame)
                .min_by_key(|(_, entry)| entry.used_at)
                .map(|(key, _)| key.clone());
            let Some(entry) = oldest.and_then(|key| self.entries.remove(&key)) else { break };
            self.bytes -= entry.bytes;
        }
    }
}

fn image_bytes(image: &ColorImage) -> usize {
    image.pixels.len() * 4
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn painted(name: &str) -> Painted {
        let source = Source { path: PathBuf::from(name), frame: 0 };
        let image = ColorImage::filled([16, 16], egui::Color32::GRAY);
        Painted { key: TextureKey::Thumbnail(source), image, atlas: None }
    }

    #[test]
    fn the_budget_holds_and_the_oldest_goes_first() {
        let ctx = egui::Context::default();
        let mut textures = Textures::new(3 * 1024);
        for name in ["a", "b", "c", "d", "e"] {
            textures.accept(&ctx, std::iter::once(painted(name)));
            textures.get(&painted("a").key);
        }
        textures.accept(&ctx, std::iter::empty());
        assert!(textures.bytes() <= 3 * 1024);
        assert!(textures.contains(&painted("a").key), "used in every frame");
        assert!(!textures.contains(&painted("b").key));
    }
}
