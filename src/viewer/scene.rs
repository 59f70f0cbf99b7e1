//! What panels are given: what is open, what is known, and where to leave commands.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::command::Command;
use super::facts::Facts;
use super::inside::atlas::Colours;
use super::inside::overlay::{self, ChannelOverlay};
use super::keymap::KeyMap;
use super::lay::MapOverlay;
use super::paint::{Job, Laid, Painter, Seat};
use super::plotter::Plotter;
use super::state::{Content, Scale, State, Superpixels, Tile};
use super::textures::{OverlayKey, OverlayOf, Texture, TextureKey, Textures, voi_digest};
use crate::display::{Blend, Picture, Voi};
use crate::engine::{Engine, Library, MapKey, MapResult};
use crate::explain::{Activations, Reading};
use crate::inside::Filters;
use crate::model::Fit;
use crate::study::{Slice, Source};

/// What a tile showed last, to bridge the moment until the painter has the next picture.
#[derive(Clone)]
pub struct LastShown {
    texture: Texture,
    series_uid: String,
    size: [usize; 2],
    current_until: Instant,
}

/// Where [`Scene::last_shown`] keeps the pages of the activation grid, downwards; no tile has these indices.
const GRID: usize = usize::MAX;

/// Longer side of a small picture, in pixels.
pub const THUMBNAIL_PIXELS: usize = 128;
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
    /// Makes curves.
    pub plots: &'a mut Plotter,
    /// Keys, for menus.
    pub keys: &'a KeyMap,
    /// What each tile showed last.
    pub last_shown: &'a mut HashMap<usize, LastShown>,
    /// Changes to be made after the frame.
    pub commands: &'a mut Vec<Command>,
    /// Where each tile lies on the screen, for screenshots.
    pub tile_rects: &'a mut Vec<(usize, egui::Rect)>,
    /// Images whose pictures are to be read for what is shown small.
    pub pictures_wanted: &'a mut Vec<Source>,
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
            let map = Overlay::of(state, self.facts, tile, slice);
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
            for position in slot.positions_by_importance().skip(1).take(4) {
                let Some(slice) = slot.slice_at(position) else { continue };
                let Some(picture) = self.engine.picture(&slice.source).ready() else { continue };
                let map = Overlay::ahead(state, self.facts, tile, slice, self.engine);
                let (key, job) = order_for(&slice.source, &picture, slot.voi.as_ref(), slot.inverted, map);
                if !self.textures.contains(&key) {
                    self.painter.order(Seat::Ahead(index), key, || job);
                    break;
                }
            }
        }
    }

    /// A page of the activation grid and whether it belongs to the slice in view. Orders what is missing.
    pub fn channel_page(&mut self, page: usize) -> Option<(Texture, bool)> {
        let state = self.state;
        let model = self.facts.model.current()?;
        let layer = self.facts.activation_layer.clone()?;
        let slice = state.slots[0].slice()?;
        let explain = &state.explain;
        let owner = format!("{} {layer}", model.id.0);
        let key = TextureKey::Atlas {
            model: model.id.clone(),
            source: slice.source.clone(),
            layer,
            colormaps: [explain.colormap.name, explain.signed_colormap.name],
            shared_scale: explain.channels_share_scale,
            page,
        };
        let colours =
            Colours { plain: explain.colormap, signed: explain.signed_colormap, shared: explain.channels_share_scale };
        let job = self.facts.slots[0].activations.current();
        let job = job.map(|activations| Job::Atlas { activations: Arc::clone(activations), colours, page });
        self.grid_texture(page, key, owner, job)
    }

    /// What the strongest channels saw, and whether it belongs to the slice in view. Orders what is missing.
    pub fn seen_texture(&mut self) -> Option<(Texture, bool)> {
        let facts = &self.facts.slots[0];
        let key = TextureKey::Seen(facts.seen_key.clone()?);
        let job = facts.seen.current().map(|grid| Job::Seen(Arc::clone(grid)));
        self.grid_texture(0, key, "seen".to_owned(), job)
    }

    /// A page of a layer's filters, once it is painted.
    pub fn filter_page(&mut self, filters: &Arc<Filters>, page: usize) -> Option<Texture> {
        let model = self.facts.model.current()?;
        let explain = &self.state.explain;
        let (colormap, shared_scale) = (explain.signed_colormap, explain.channels_share_scale);
        let layer = Arc::from(filters.layer.as_str());
        let key = TextureKey::Filters { model: model.id.clone(), layer, colormap: colormap.name, shared_scale, page };
        let filters = Arc::clone(filters);
        self.texture(Seat::Filters(page), key, || Some(Job::Filters { filters, colormap, shared_scale, page }))
    }

    /// What lies under the cover on the slice in view of a slot, once it is painted.
    pub fn fill_texture(&mut self, slot: usize) -> Option<egui::TextureId> {
        let cover = &self.facts.slots[slot].cover;
        let (key, fill) = (cover.key.as_ref()?, Arc::clone(cover.fill()?));
        let key = TextureKey::Fill { model: key.model.clone(), source: key.source.clone(), baseline: key.baseline };
        self.texture(Seat::Fill(slot), key, || Some(Job::Fill(fill))).map(|texture| texture.handle.id())
    }

    /// A small picture of any image that is open, once it has been read.
    pub fn thumbnail(&mut self, source: &Source) -> Option<Texture> {
        let key = TextureKey::Thumbnail(source.clone());
        let picture = self.engine.picture(source);
        let texture = self.texture(Seat::Small(source.clone()), key, || {
            picture.ready().map(|picture| Job::Thumbnail { picture, side: THUMBNAIL_PIXELS })
        });
        self.wanted_unless(texture.is_some(), source);
        texture
    }

    /// What a unit sees of an image, once that has been read.
    pub fn patch_texture(&mut self, source: &Source, patch: [f32; 4]) -> Option<Texture> {
        let key = TextureKey::Patch(source.clone(), patch.map(f32::to_bits));
        let picture = self.engine.picture(source);
        let texture = self.texture(Seat::Patch(source.clone()), key, || {
            picture.ready().map(|picture| Job::Patch { picture, patch, side: THUMBNAIL_PIXELS })
        });
        self.wanted_unless(texture.is_some(), source);
        texture
    }

    fn wanted_unless(&mut self, is_there: bool, source: &Source) {
        if !is_there && !self.pictures_wanted.contains(source) {
            self.pictures_wanted.push(source.clone());
        }
    }

    /// A texture, ordered where it is missing and what it is painted from is there.
    fn texture(&mut self, seat: Seat, key: TextureKey, job: impl FnOnce() -> Option<Job>) -> Option<Texture> {
        let texture = self.textures.get(&key);
        if texture.is_none()
            && !self.textures.contains(&key)
            && let Some(job) = job()
        {
            self.painter.order(seat, key, || job);
        }
        texture
    }

    /// A texture of the grid, or the one that was shown in its place before as long as that had the same owner.
    fn grid_texture(
        &mut self,
        page: usize,
        key: TextureKey,
        owner: String,
        job: Option<Job>,
    ) -> Option<(Texture, bool)> {
        if let Some(texture) = self.textures.get(&key) {
            let shown =
                LastShown { texture: texture.clone(), series_uid: owner, size: [0, 0], current_until: Instant::now() };
            self.last_shown.insert(GRID - page, shown);
            return Some((texture, true));
        }
        if let Some(job) = job
            && !self.textures.contains(&key)
        {
            self.painter.order(Seat::Grid(page), key, || job);
        }
        let last = self.last_shown.get(&(GRID - page)).filter(|last| last.series_uid == owner)?;
        Some((last.texture.clone(), false))
    }
}

/// What is laid over a picture: what names its texture beside the picture, and what it is painted from.
struct Overlay {
    key: OverlayKey,
    painted: Laid,
}

impl Overlay {
    fn map(state: &State, key: MapKey, range: Option<(f32, f32)>, interim: u32, map: Arc<MapResult>) -> Self {
        let explain = &state.explain;
        let blend = blend(state, map.attribution.reading);
        let superpixels = map.attribution.segments.as_ref().map(|_| explain.superpixels);
        Self {
            key: overlay_key(OverlayOf::Map(key), &blend, range, superpixels, interim),
            painted: Laid::Map(MapOverlay { map, blend, range, superpixels: explain.superpixels }),
        }
    }

    /// The followed channel over a slice, where the layer has rows and columns to lay over it.
    fn channel(state: &State, facts: &Facts, slice: &Slice, activations: Arc<Activations>) -> Option<Self> {
        let channel = state.inside.channel.filter(|channel| *channel < activations.channels)?;
        let model = facts.model.current()?;
        let layer = facts.activation_layer.clone()?;
        if activations.rows * activations.columns <= 1 {
            return None;
        }
        let input = &model.card.input;
        let fit = Fit::new(input.fit, [slice.rows, slice.columns], input.size);
        let blend = blend(state, overlay::reading(&activations));
        let range = (state.explain.scale == Scale::Stack)
            .then(|| facts.inside.history.range(&facts.slots[0].sources, channel))
            .flatten();
        let of = OverlayOf::Channel { model: model.id.clone(), layer, channel };
        let superpixels = state.explain.superpixels;
        Some(Self {
            key: overlay_key(of, &blend, range, None, 0),
            painted: Laid::Channel(ChannelOverlay { activations, channel, fit, blend, range, superpixels }),
        })
    }

    /// What is laid over a tile, if there is anything and it has come, whole or in part.
    fn of(state: &State, facts: &Facts, tile: Tile, slice: &Slice) -> Option<Self> {
        if !state.explain.overlay_on {
            return None;
        }
        let own = &facts.slots[tile.slot];
        if tile.content == Content::Channel {
            return Self::channel(state, facts, slice, Arc::clone(own.activations.current()?));
        }
        let known = own.map(tile.content.map()?);
        let (interim, map) = known.visible()?;
        Some(Self::map(state, known.key.clone()?, known.range, interim, Arc::clone(map)))
    }

    /// What belongs to another slice, as it would be laid over that one.
    fn ahead(state: &State, facts: &Facts, tile: Tile, slice: &Slice, engine: &Engine) -> Option<Self> {
        if !state.explain.overlay_on {
            return None;
        }
        if tile.content == Content::Channel {
            let (model, layer) = (facts.model.current()?, facts.activation_layer.as_ref()?);
            let activations = engine.activations(&model.id, &slice.source, layer, None).ready()?;
            return Self::channel(state, facts, slice, activations);
        }
        let known = facts.slots[tile.slot].map(tile.content.map()?);
        let key = MapKey { source: slice.source.clone(), ..known.key.clone()? };
        let map = engine.map(&key).ready()?;
        Some(Self::map(state, key, known.range, 0, map))
    }
}

fn blend(state: &State, reading: Reading) -> Blend {
    let explain = &state.explain;
    Blend { colormap: explain.colormap_for(reading), opacity: explain.opacity, threshold: explain.threshold }
}

fn overlay_key(
    of: OverlayOf,
    blend: &Blend,
    range: Option<(f32, f32)>,
    superpixels: Option<Superpixels>,
    interim: u32,
) -> OverlayKey {
    let thousandths = |value: f32| (value * 1000.0).round() as u16;
    OverlayKey {
        of,
        colormap: blend.colormap.name,
        opacity_and_threshold: [thousandths(blend.opacity), thousandths(blend.threshold)],
        range: range.map(|(low, high)| [low.to_bits(), high.to_bits()]),
        superpixels,
        interim,
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
    let (key, overlay) = overlay.map(|overlay| (overlay.key, overlay.painted)).unzip();
    let key = TextureKey::Slice { source: source.clone(), voi: voi_digest(&voi), inverted, overlay: key };
    (key, Job::Slice { picture: Arc::clone(picture), voi, inverted, overlay })
}
