//! What panels are given: what is open, what is known, and where to leave commands.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::command::Command;
use super::facts::{Facts, SlotFacts};
use super::keymap::KeyMap;
use super::lay::MapOverlay;
use super::paint::{Job, Painter, Seat};
use super::state::{Content, State, Tile};
use super::textures::{OverlayKey, Texture, TextureKey, Textures, voi_digest};
use crate::display::{Blend, Picture, Voi};
use crate::engine::{Engine, Library, MapKey, MapResult};
use crate::study::Source;

/// What a tile showed last, to bridge the moment until the painter has the next picture.
#[derive(Clone)]
pub struct LastShown {
    texture: Texture,
    series_uid: String,
    size: [usize; 2],
    current_until: Instant,
}

/// Where [`Scene::last_shown`] keeps the activation grid; no tile has this index.
const GRID: usize = usize::MAX;

/// How long a picture that is out of date stays before the tile says that it waits.
const BRIDGE: Duration = Duration::from_millis(200);

/// The context of one frame.
pub struct Scene<'a> {
    /// What the user has chosen.
    pub state: &'a State,
    /// What is known.
    pub facts: &'a Facts,
    /// What is open.
    pub library: &'a Library,
    /// For pixels under the pointer and pictures of thumbnails.
    pub engine: &'a Engine,
    /// Pictures on the graphics card.
    pub textures: &'a mut Textures,
    /// Makes them.
    pub painter: &'a mut Painter,
    /// Keys, for menus.
    pub keys: &'a KeyMap,
    /// What each tile showed last.
    pub last_shown: &'a mut HashMap<usize, LastShown>,
    /// Changes to be made after the frame.
    pub commands: &'a mut Vec<Command>,
    /// Where each tile lies on the screen, for screenshots.
    pub tile_rects: &'a mut Vec<(usize, egui::Rect)>,
    /// Whether a picture was shown in this frame that belongs to what is in view.
    pub picture_shown: &'a mut bool,
}

impl Scene<'_> {
    /// Leaves a command.
    pub fn send(&mut self, command: Command) {
        self.commands.push(command);
    }

    /// The texture of a picture tile: the one that is in view, or for a moment the one before. Orders what is missing.
    pub fn slice_texture(&mut self, index: usize, tile: Tile) -> Option<Texture> {
        let state = self.state;
        let slot = &state.slots[tile.slot];
        let facts = &self.facts.slots[tile.slot];
        let (series, slice) = slot.series().zip(slot.slice())?;
        let wanted = facts.picture.current().map(|picture| {
            let map = Overlay::of(state, facts, tile.content);
            order_for(&slice.source, picture, slot.voi.as_ref(), slot.inverted, map)
        });
        if let Some((key, job)) = wanted {
            if let Some(texture) = self.textures.get(&key) {
                *self.picture_shown = true;
                self.last_shown.insert(
                    index,
                    LastShown {
                        texture: texture.clone(),
                        series_uid: series.uid.clone(),
                        size: [slice.rows, slice.columns],
                        current_until: Instant::now(),
                    },
                );
                return Some(texture);
            }
            if !self.textures.contains(&key) {
                self.painter.order(Seat::Tile(index), key, || job);
            }
        }
        let last = self.last_shown.get(&index)?;
        let same = last.series_uid == series.uid && last.size == [slice.rows, slice.columns];
        (same && last.current_until.elapsed() < BRIDGE).then(|| last.texture.clone())
    }

    /// Paints the slice that will probably come next, while there is nothing else to paint.
    pub fn paint_ahead(&mut self) {
        if self.painter.is_busy() {
            return;
        }
        let state = self.state;
        for (index, tile) in state.visible_tiles() {
            if !tile.content.is_picture() {
                continue;
            }
            let slot = &state.slots[tile.slot];
            let facts = &self.facts.slots[tile.slot];
            for position in slot.positions_by_importance().skip(1).take(4) {
                let Some(slice) = slot.slice_at(position) else { continue };
                let Some(picture) = self.engine.picture(&slice.source).ready() else { continue };
                let map = Overlay::ahead(state, facts, tile.content, &slice.source, self.engine);
                let (key, job) = order_for(&slice.source, &picture, slot.voi.as_ref(), slot.inverted, map);
                if !self.textures.contains(&key) {
                    self.painter.order(Seat::Ahead(index), key, || job);
                    break;
                }
            }
        }
    }

    /// The atlas of the activation grid and whether it belongs to the slice in view.
    pub fn atlas_texture(&mut self) -> Option<(Texture, bool)> {
        let state = self.state;
        let facts = &self.facts.slots[0];
        let model = self.facts.model.current()?;
        let layer = self.facts.activation_layer.clone()?;
        let slice = state.slots[0].slice()?;
        let key = match facts.seen_key.clone().filter(|_| state.explain.shows_seen) {
            Some(key) => TextureKey::Seen(key),
            None => TextureKey::Atlas {
                model: model.id.clone(),
                source: slice.source.clone(),
                layer,
                colormap: state.explain.colormap.name,
                shared_scale: state.explain.channels_share_scale,
            },
        };
        if let Some(texture) = self.textures.get(&key) {
            let shown = LastShown {
                texture: texture.clone(),
                series_uid: String::new(),
                size: [0, 0],
                current_until: Instant::now(),
            };
            self.last_shown.insert(GRID, shown);
            return Some((texture, true));
        }
        let job = if state.explain.shows_seen {
            facts.seen.current().map(|grid| Job::Seen(Arc::clone(grid)))
        } else {
            facts.activations.current().map(|activations| Job::Atlas {
                activations: Arc::clone(activations),
                colormap: state.explain.colormap,
                shared_scale: state.explain.channels_share_scale,
            })
        };
        if let Some(job) = job
            && !self.textures.contains(&key)
        {
            self.painter.order(Seat::Grid, key, || job);
        }
        let last = self.last_shown.get(&GRID)?;
        Some((last.texture.clone(), false))
    }
}

/// A map over a picture: what names its texture beside the picture, and what it is painted from.
struct Overlay {
    key: MapKey,
    interim: u32,
    painted: MapOverlay,
}

impl Overlay {
    fn new(state: &State, key: MapKey, range: Option<(f32, f32)>, interim: u32, map: Arc<MapResult>) -> Self {
        let explain = &state.explain;
        let colormap = explain.colormap_for(map.attribution.reading);
        let blend = Blend { colormap, opacity: explain.opacity, threshold: explain.threshold };
        Self { key, interim, painted: MapOverlay { map, blend, range, superpixels: explain.superpixels } }
    }

    /// The map to lay over a tile, if it shows one and it is there, whole or in part.
    fn of(state: &State, facts: &SlotFacts, content: Content) -> Option<Self> {
        let known = facts.map(content.map().filter(|_| state.explain.overlay_on)?);
        let (interim, map) = known.visible()?;
        Some(Self::new(state, known.key.clone()?, known.range, interim, Arc::clone(map)))
    }

    /// The map of another slice, as it would be laid over that one.
    fn ahead(state: &State, facts: &SlotFacts, content: Content, source: &Source, engine: &Engine) -> Option<Self> {
        let known = facts.map(content.map().filter(|_| state.explain.overlay_on)?);
        let key = MapKey { source: source.clone(), ..known.key.clone()? };
        let map = engine.map(&key).ready()?;
        Some(Self::new(state, key, known.range, 0, map))
    }
}

fn order_for(
    source: &Source,
    picture: &Arc<Picture>,
    voi: Option<&Voi>,
    inverted: bool,
    overlay: Option<Overlay>,
) -> (TextureKey, Job) {
    let voi = voi.cloned().unwrap_or_else(|| picture.default_voi());
    let thousandths = |value: f32| (value * 1000.0).round() as u16;
    let key = TextureKey::Slice {
        source: source.clone(),
        voi: voi_digest(&voi),
        inverted,
        overlay: overlay.as_ref().map(|Overlay { key, interim, painted }| OverlayKey {
            map: key.clone(),
            colormap: painted.blend.colormap.name,
            opacity_and_threshold: [thousandths(painted.blend.opacity), thousandths(painted.blend.threshold)],
            range: painted.range.map(|(low, high)| [low.to_bits(), high.to_bits()]),
            superpixels: painted.map.attribution.segments.as_ref().map(|_| painted.superpixels),
            interim: *interim,
        }),
    };
    let overlay = overlay.map(|overlay| overlay.painted);
    (key, Job::Slice { picture: Arc::clone(picture), voi, inverted, overlay })
}
