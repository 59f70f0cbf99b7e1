//! Every colour and every distance of the viewer.
//!
//! Distances are multiples of 4 points. The dark theme is the default: reading rooms are dark, and a bright frame
//! around an image costs contrast. Image areas are black in both themes.

use egui::{Color32, CornerRadius, FontFamily, FontId, Margin, Stroke, TextStyle, Theme, Vec2, Visuals};

/// Gap between things that belong together, in points.
pub const GAP: f32 = 4.0;
/// Gap between groups, in points.
pub const SPACE: f32 = 8.0;
/// Margin of panels, in points.
pub const MARGIN: f32 = 12.0;
/// Width of the study browser when the window opens, in points.
pub const BROWSER_WIDTH: f32 = 248.0;
/// Width of the inspector when the window opens, in points.
pub const INSPECTOR_WIDTH: f32 = 304.0;
/// Width of the names in front of the inspector's controls, in points.
pub const NAME_WIDTH: f32 = 72.0;
/// Side of a series thumbnail, in points.
pub const THUMBNAIL: f32 = 56.0;
/// Height of the per-slice score above the scrubber, in points.
pub const SCORE_HEIGHT: f32 = 44.0;
/// Size of texts laid over an image, in points.
pub const ANNOTATION_SIZE: f32 = 12.0;
/// Behind every image.
pub const IMAGE_BACKGROUND: Color32 = Color32::BLACK;
/// Texts laid over an image.
pub const ANNOTATION: Color32 = Color32::from_rgb(0xd4, 0xda, 0xdf);
/// Less important texts laid over an image.
pub const ANNOTATION_QUIET: Color32 = Color32::from_rgb(0xb0, 0xb9, 0xc1);
/// Texts laid over an image that the user should notice.
pub const ANNOTATION_WARNING: Color32 = Color32::from_rgb(0xe3, 0xb3, 0x5a);
/// A region that somebody drew on an image.
pub const REGION: Color32 = Color32::from_rgb(0x5f, 0xe0, 0xc8);
/// What the three planes are drawn in, in their own frame and as lines in the others': axial, coronal, sagittal.
pub const PLANES: [Color32; 3] =
    [Color32::from_rgb(0x56, 0xb4, 0xe9), Color32::from_rgb(0x5f, 0xbf, 0x8f), Color32::from_rgb(0xe6, 0x9f, 0x00)];

/// What speaks for a class, as bars along the slices.
pub const SHARE_FOR: Color32 = Color32::from_rgb(0xd9, 0x6b, 0x43);
/// What speaks against it.
pub const SHARE_AGAINST: Color32 = Color32::from_rgb(0x4a, 0x86, 0xd0);

/// Colours that depend on the theme.
#[derive(Debug, Clone, Copy)]
pub struct Palette {
    /// Between the panels.
    pub background: Color32,
    /// Panels.
    pub panel: Color32,
    /// Fields, bars' troughs, cards within panels.
    pub raised: Color32,
    /// Lines between areas.
    pub border: Color32,
    /// Ordinary text.
    pub text: Color32,
    /// Secondary text.
    pub quiet: Color32,
    /// What is chosen, what moves.
    pub accent: Color32,
    /// The background of what is chosen.
    pub chosen: Color32,
    /// Something the user should know.
    pub warning: Color32,
    /// Something that failed.
    pub error: Color32,
}

const DARK: Palette = Palette {
    background: Color32::from_rgb(0x10, 0x13, 0x16),
    panel: Color32::from_rgb(0x19, 0x1d, 0x21),
    raised: Color32::from_rgb(0x25, 0x2b, 0x31),
    border: Color32::from_rgb(0x30, 0x37, 0x3e),
    text: Color32::from_rgb(0xda, 0xdf, 0xe4),
    quiet: Color32::from_rgb(0x96, 0xa1, 0xac),
    accent: Color32::from_rgb(0x5a, 0xae, 0xde),
    chosen: Color32::from_rgb(0x1f, 0x3d, 0x52),
    warning: Color32::from_rgb(0xe3, 0xb3, 0x5a),
    error: Color32::from_rgb(0xe8, 0x7d, 0x6d),
};

const LIGHT: Palette = Palette {
    background: Color32::from_rgb(0xd9, 0xdd, 0xe1),
    panel: Color32::from_rgb(0xf4, 0xf5, 0xf7),
    raised: Color32::from_rgb(0xe3, 0xe7, 0xeb),
    border: Color32::from_rgb(0xc3, 0xc9, 0xd0),
    text: Color32::from_rgb(0x1d, 0x23, 0x29),
    quiet: Color32::from_rgb(0x5a, 0x65, 0x70),
    accent: Color32::from_rgb(0x1b, 0x6f, 0xa6),
    chosen: Color32::from_rgb(0xc9, 0xdf, 0xee),
    warning: Color32::from_rgb(0x8a, 0x5a, 0x00),
    error: Color32::from_rgb(0xa8, 0x2f, 0x20),
};

/// The colours of the theme in use.
#[must_use]
pub fn palette(ctx: &egui::Context) -> &'static Palette {
    match ctx.theme() {
        Theme::Dark => &DARK,
        Theme::Light => &LIGHT,
    }
}

/// One colour a class, distinguishable also with a colour vision deficiency (Okabe and Ito), repeating after eight.
#[must_use]
pub fn class_colour(class: usize) -> Color32 {
    const COLOURS: [Color32; 8] = [
        Color32::from_rgb(0x56, 0xb4, 0xe9),
        Color32::from_rgb(0xe6, 0x9f, 0x00),
        Color32::from_rgb(0x00, 0xb8, 0x8a),
        Color32::from_rgb(0xd9, 0x8c, 0xb3),
        Color32::from_rgb(0xf0, 0xe4, 0x42),
        Color32::from_rgb(0xe0, 0x6c, 0x2a),
        Color32::from_rgb(0x4a, 0x86, 0xd0),
        Color32::from_rgb(0xb0, 0xb7, 0xbd),
    ];
    COLOURS[class % COLOURS.len()]
}

/// The colour of a class's curve on a panel: [`class_colour`], darker where the panel is light.
#[must_use]
pub fn plot_colour(ctx: &egui::Context, class: usize) -> Color32 {
    let colour = class_colour(class);
    match ctx.theme() {
        Theme::Dark => colour,
        Theme::Light => {
            let darker = |level: u8| (u16::from(level) * 11 / 16) as u8;
            Color32::from_rgb(darker(colour.r()), darker(colour.g()), darker(colour.b()))
        }
    }
}

/// The font of numbers that stand in columns.
#[must_use]
pub fn numbers(size: f32) -> FontId {
    FontId::new(size, FontFamily::Monospace)
}

/// Sets spacing, fonts and colours of both themes, and the dark one as the start.
pub fn install(ctx: &egui::Context) {
    ctx.set_theme(Theme::Dark);
    for (theme, palette) in [(Theme::Dark, &DARK), (Theme::Light, &LIGHT)] {
        ctx.set_visuals_of(theme, visuals(theme, palette));
    }
    ctx.all_styles_mut(|style| {
        style.text_styles = [
            (TextStyle::Heading, FontId::proportional(15.0)),
            (TextStyle::Body, FontId::proportional(13.0)),
            (TextStyle::Button, FontId::proportional(13.0)),
            (TextStyle::Small, FontId::proportional(11.5)),
            (TextStyle::Monospace, FontId::monospace(12.0)),
        ]
        .into();
        let spacing = &mut style.spacing;
        spacing.item_spacing = Vec2::new(SPACE, GAP);
        spacing.button_padding = Vec2::new(SPACE, GAP);
        spacing.interact_size = Vec2::new(24.0, 24.0);
        spacing.slider_rail_height = 4.0;
        spacing.window_margin = Margin::same(MARGIN as i8);
        spacing.menu_margin = Margin::same(GAP as i8);
        spacing.indent = MARGIN;
        spacing.combo_width = 96.0;
        style.interaction.tooltip_delay = 0.4;
        style.animation_time = 0.0;
    });
}

fn visuals(theme: Theme, palette: &Palette) -> Visuals {
    let mut visuals = match theme {
        Theme::Dark => Visuals::dark(),
        Theme::Light => Visuals::light(),
    };
    visuals.panel_fill = palette.panel;
    visuals.window_fill = palette.panel;
    visuals.window_stroke = Stroke::new(1.0, palette.border);
    visuals.window_corner_radius = CornerRadius::same(6);
    visuals.menu_corner_radius = CornerRadius::same(4);
    visuals.extreme_bg_color = palette.background;
    visuals.faint_bg_color = palette.raised;
    visuals.weak_text_color = Some(palette.quiet);
    visuals.warn_fg_color = palette.warning;
    visuals.error_fg_color = palette.error;
    visuals.hyperlink_color = palette.accent;
    visuals.selection.bg_fill = palette.chosen;
    visuals.selection.stroke = Stroke::new(1.0, palette.text);
    visuals.slider_trailing_fill = true;
    let radius = CornerRadius::same(3);
    let states = &mut visuals.widgets;
    states.noninteractive.bg_stroke = Stroke::new(1.0, palette.border);
    states.noninteractive.fg_stroke = Stroke::new(1.0, palette.text);
    for (state, fill, line) in [
        (&mut states.inactive, palette.raised, palette.raised),
        (&mut states.hovered, palette.border, palette.quiet),
        (&mut states.active, palette.chosen, palette.accent),
        (&mut states.open, palette.raised, palette.border),
    ] {
        state.bg_fill = fill;
        state.weak_bg_fill = fill;
        state.bg_stroke = Stroke::new(1.0, line);
        state.fg_stroke = Stroke::new(1.0, palette.text);
        state.corner_radius = radius;
        state.expansion = 0.0;
    }
    visuals
}
