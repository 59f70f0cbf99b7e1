//! How commands present themselves: the one table behind menus, toolbar, palette, keys and the list under F1.

use egui::{Key, Modifiers};

use super::command::{Command, Tool};
use super::state::{ChannelOrder, Layout, Scope};
use crate::inside::Projection;

/// Where a command stands in the menus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Menu {
    /// Opening, saving.
    File,
    /// Layouts and panels.
    View,
    /// What is done to the picture.
    Image,
    /// What is asked of the network.
    Explain,
    /// Moving through studies.
    Go,
    /// Help.
    Help,
}

impl Menu {
    /// All menus, left to right.
    pub const ALL: [Self; 6] = [Self::File, Self::View, Self::Image, Self::Explain, Self::Go, Self::Help];

    /// The word in the menu bar.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::File => "File",
            Self::View => "View",
            Self::Image => "Image",
            Self::Explain => "Explain",
            Self::Go => "Go",
            Self::Help => "Help",
        }
    }
}

/// A key with its modifiers.
pub type Shortcut = (Modifiers, Key);

/// How a command presents itself.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The command.
    pub command: Command,
    /// Its name in menus.
    pub text: &'static str,
    /// What it does, in a sentence.
    pub tooltip: &'static str,
    /// Keys it has unless the user binds others.
    pub shortcuts: &'static [Shortcut],
    /// Its menu.
    pub menu: Menu,
}

const fn spec(
    command: Command,
    text: &'static str,
    tooltip: &'static str,
    shortcuts: &'static [Shortcut],
    menu: Menu,
) -> Spec {
    Spec { command, text, tooltip, shortcuts, menu }
}

const fn plain(key: Key) -> Shortcut {
    (Modifiers::NONE, key)
}

const fn ctrl(key: Key) -> Shortcut {
    (Modifiers::COMMAND, key)
}

const fn ctrl_shift(key: Key) -> Shortcut {
    (Modifiers { shift: true, ..Modifiers::COMMAND }, key)
}

/// The commands that stand in menus, palette and key list, in that order.
pub static SPECS: &[Spec] = {
    use Command as C;
    use Menu as M;
    &[
        spec(C::OpenFiles, "Open files…", "Open DICOM, image, NIfTI or NumPy files", &[ctrl(Key::O)], M::File),
        spec(C::OpenFolder, "Open folder…", "Open everything in a folder", &[ctrl_shift(Key::O)], M::File),
        spec(
            C::OpenDemo,
            "Open the demo study",
            "Open the synthetic study that comes with the program",
            &[ctrl(Key::D)],
            M::File,
        ),
        spec(C::CloseStudy, "Close study", "Close the study in view", &[ctrl(Key::W)], M::File),
        spec(
            C::SaveViewport,
            "Save viewport as PNG…",
            "Save the active viewport with its provenance",
            &[ctrl(Key::S)],
            M::File,
        ),
        spec(
            C::SaveLayout,
            "Save all viewports as PNG…",
            "Save what stands side by side with its provenance",
            &[ctrl_shift(Key::S)],
            M::File,
        ),
        spec(C::Quit, "Quit", "Leave the program", &[ctrl(Key::Q)], M::File),
        spec(C::SetLayout(Layout::One), "One image", "One picture fills the centre", &[plain(Key::F2)], M::View),
        spec(
            C::SetLayout(Layout::SideBySide),
            "Image | overlay",
            "The picture beside the map over it",
            &[plain(Key::F3)],
            M::View,
        ),
        spec(
            C::SetLayout(Layout::Four),
            "Image | overlay | activations | density",
            "Picture, map, what the layer saw, and how sure the network is",
            &[plain(Key::F4)],
            M::View,
        ),
        spec(
            C::SetLayout(Layout::Planes),
            "Knee: three planes",
            "Axial, coronal and sagittal with reference lines",
            &[plain(Key::F5)],
            M::View,
        ),
        spec(
            C::SetLayout(Layout::Contrast),
            "Image | class | other class | difference",
            "The map of one class, that of another, and where they differ",
            &[plain(Key::F6)],
            M::View,
        ),
        spec(
            C::SetLayout(Layout::Layers),
            "Early | middle | late layer | fused",
            "The map at three depths of the network, and the three as one",
            &[plain(Key::F7)],
            M::View,
        ),
        spec(
            C::SetLayout(Layout::Uncertainty),
            "Density | mean map | its deviation | why unsure",
            "How sure the network is, and of its map: mean and spread over draws of the weights, and what makes it unsure",
            &[plain(Key::F9)],
            M::View,
        ),
        spec(
            C::SetLayout(Layout::Inside),
            "Inside: channel | activations | filters | strongest images",
            "A channel over the picture, all channels of its layer, their filters, and the images that excite it most",
            &[plain(Key::F10)],
            M::View,
        ),
        spec(
            C::SetLayout(Layout::Embedding),
            "Image | embedding",
            "Which images the network takes for alike, by t-SNE or PCA of a layer's codes",
            &[plain(Key::F11)],
            M::View,
        ),
        spec(
            C::SetLayout(Layout::Check),
            "Network check | activations",
            "What weights and activations over many images say about how the network was trained",
            &[plain(Key::F12)],
            M::View,
        ),
        spec(
            C::ToggleFull,
            "Full size",
            "The active viewport alone, or back (double-click)",
            &[plain(Key::Enter)],
            M::View,
        ),
        spec(C::ToggleOverlay, "Overlay", "Show or hide where the network looked", &[plain(Key::O)], M::View),
        spec(
            C::ToggleAnnotations,
            "Texts over images",
            "Show or hide the texts in the corners",
            &[plain(Key::T)],
            M::View,
        ),
        spec(C::ToggleBrowser, "Study browser", "Show or hide the list of studies", &[ctrl(Key::B)], M::View),
        spec(C::ToggleInspector, "Inspector", "Show or hide model, classes and colours", &[ctrl(Key::I)], M::View),
        spec(C::ToggleTheme, "Light theme", "Switch between the dark and the light theme", &[], M::View),
        spec(
            C::SetTool(Tool::Window),
            "Window tool",
            "Left drag sets window width and centre",
            &[plain(Key::W)],
            M::Image,
        ),
        spec(
            C::SetTool(Tool::Pan),
            "Pan tool",
            "Left drag moves the picture (also: middle drag)",
            &[plain(Key::P)],
            M::Image,
        ),
        spec(
            C::SetTool(Tool::Zoom),
            "Zoom tool",
            "Left drag enlarges (also: right drag, Ctrl + wheel)",
            &[plain(Key::Z)],
            M::Image,
        ),
        spec(
            C::SetTool(Tool::Scroll),
            "Scroll tool",
            "Left drag scrolls through the slices (also: wheel)",
            &[plain(Key::S)],
            M::Image,
        ),
        spec(
            C::SetTool(Tool::Region),
            "Region tool",
            "Left drag draws the region that a segmentation is explained for",
            &[plain(Key::E)],
            M::Explain,
        ),
        spec(
            C::ClearRegion,
            "Clear region",
            "Explain all pixels that the network gave the class, on this slice",
            &[plain(Key::Delete)],
            M::Explain,
        ),
        spec(
            C::SetTool(Tool::Cover),
            "Cover tool",
            "Left drag covers a part of the image: what would the network say without it?",
            &[plain(Key::B)],
            M::Explain,
        ),
        spec(
            C::ClearCover,
            "Remove the cover",
            "Show the slice as it is (also: Esc)",
            &[(Modifiers::SHIFT, Key::B)],
            M::Explain,
        ),
        spec(
            C::MoveCover(-1, 0),
            "Cover to the left",
            "Move the cover a step to the left",
            &[(Modifiers::SHIFT, Key::ArrowLeft)],
            M::Explain,
        ),
        spec(
            C::MoveCover(1, 0),
            "Cover to the right",
            "Move the cover a step to the right",
            &[(Modifiers::SHIFT, Key::ArrowRight)],
            M::Explain,
        ),
        spec(
            C::MoveCover(0, -1),
            "Cover up",
            "Move the cover a step up",
            &[(Modifiers::SHIFT, Key::ArrowUp)],
            M::Explain,
        ),
        spec(
            C::MoveCover(0, 1),
            "Cover down",
            "Move the cover a step down",
            &[(Modifiers::SHIFT, Key::ArrowDown)],
            M::Explain,
        ),
        spec(C::ToggleLayers, "Layers…", "Choose the layer from the whole network", &[plain(Key::F8)], M::Explain),
        spec(
            C::SetChannelOrder(ChannelOrder::Index),
            "Channels by index",
            "Sort the activation grid as the layer has its channels",
            &[],
            M::Explain,
        ),
        spec(
            C::SetChannelOrder(ChannelOrder::Mean),
            "Channels by mean",
            "Sort the activation grid by the mean of each channel",
            &[],
            M::Explain,
        ),
        spec(
            C::SetChannelOrder(ChannelOrder::Maximum),
            "Channels by maximum",
            "Sort the activation grid by the largest value of each channel",
            &[],
            M::Explain,
        ),
        spec(
            C::SetChannelOrder(ChannelOrder::Contribution),
            "Channels by contribution",
            "Sort the activation grid by what each channel adds to the explained class",
            &[],
            M::Explain,
        ),
        spec(
            C::SetScope(Scope::Series),
            "Survey this series",
            "Strongest images, embedding and network check over the series in view",
            &[],
            M::Explain,
        ),
        spec(
            C::SetScope(Scope::Everything),
            "Survey everything open",
            "Strongest images, embedding and network check over every image that is open",
            &[],
            M::Explain,
        ),
        spec(
            C::SetProjection(Projection::Tsne { perplexity: 30 }),
            "Embedding by t-SNE",
            "Images as points, neighbours close together",
            &[],
            M::Explain,
        ),
        spec(
            C::SetProjection(Projection::Pca),
            "Embedding by PCA",
            "Images as points along the two directions in which their codes differ most",
            &[],
            M::Explain,
        ),
        spec(
            C::NextChannel,
            "Next channel",
            "Follow the next channel in the order of the activation grid",
            &[plain(Key::CloseBracket)],
            M::Explain,
        ),
        spec(
            C::PreviousChannel,
            "Previous channel",
            "Follow the previous channel in the order of the activation grid",
            &[plain(Key::OpenBracket)],
            M::Explain,
        ),
        spec(
            C::FollowChannel(None),
            "Let go of the channel",
            "Follow no channel of the activation grid any more",
            &[plain(Key::Backspace)],
            M::Explain,
        ),
        spec(
            C::ExplainAll,
            "Explain all slices",
            "Let a costly method explain every slice, not only the one in view",
            &[plain(Key::A)],
            M::Explain,
        ),
        spec(
            C::PinDensity,
            "Pin this image's density",
            "Keep this image's distribution in the density plot, and draw that of others beside it",
            &[plain(Key::K)],
            M::Explain,
        ),
        spec(
            C::UnpinDensity,
            "Unpin the image",
            "Take the pinned image out of the density plot",
            &[(Modifiers::SHIFT, Key::K)],
            M::Explain,
        ),
        spec(
            C::ToggleHistogram,
            "Histogram of the passes",
            "Bars instead of smooth curves in the density plot",
            &[],
            M::Explain,
        ),
        spec(C::ToggleRug, "Rug of the passes", "A tick for each pass in the density plot", &[], M::Explain),
        spec(
            C::CancelJobs,
            "Stop computing",
            "Stop what the networks are computing, until something new is asked for",
            &[ctrl(Key::Period)],
            M::Explain,
        ),
        spec(C::Resume, "Go on computing", "Go on with what was stopped", &[ctrl(Key::Comma)], M::Explain),
        spec(C::Preset(1), "Window preset 1", "The window that the file asks for", &[plain(Key::Num1)], M::Image),
        spec(C::Preset(2), "Window preset 2", "The whole range of values", &[plain(Key::Num2)], M::Image),
        spec(
            C::Preset(3),
            "Window preset 3",
            "Third window of the list for this modality",
            &[plain(Key::Num3)],
            M::Image,
        ),
        spec(
            C::Preset(4),
            "Window preset 4",
            "Fourth window of the list for this modality",
            &[plain(Key::Num4)],
            M::Image,
        ),
        spec(
            C::Preset(5),
            "Window preset 5",
            "Fifth window of the list for this modality",
            &[plain(Key::Num5)],
            M::Image,
        ),
        spec(
            C::Preset(6),
            "Window preset 6",
            "Sixth window of the list for this modality",
            &[plain(Key::Num6)],
            M::Image,
        ),
        spec(
            C::Preset(7),
            "Window preset 7",
            "Seventh window of the list for this modality",
            &[plain(Key::Num7)],
            M::Image,
        ),
        spec(
            C::Preset(8),
            "Window preset 8",
            "Eighth window of the list for this modality",
            &[plain(Key::Num8)],
            M::Image,
        ),
        spec(
            C::Preset(9),
            "Window preset 9",
            "Ninth window of the list for this modality",
            &[plain(Key::Num9)],
            M::Image,
        ),
        spec(C::Invert, "Invert", "Reverse the grey levels", &[plain(Key::I)], M::Image),
        spec(C::FlipHorizontally, "Flip left–right", "Mirror the picture left to right", &[plain(Key::H)], M::Image),
        spec(C::FlipVertically, "Flip top–bottom", "Mirror the picture top to bottom", &[plain(Key::V)], M::Image),
        spec(C::TurnRight, "Turn right", "Quarter turn clockwise", &[plain(Key::R)], M::Image),
        spec(C::TurnLeft, "Turn left", "Quarter turn against the clock", &[plain(Key::L)], M::Image),
        spec(C::Reset, "Reset view", "Window, zoom and position as the file has them", &[plain(Key::Escape)], M::Image),
        spec(C::NextSlice, "Next slice", "One slice on (also: wheel)", &[plain(Key::ArrowDown)], M::Go),
        spec(C::PreviousSlice, "Previous slice", "One slice back (also: wheel)", &[plain(Key::ArrowUp)], M::Go),
        spec(C::FirstSlice, "First slice", "To the beginning of the stack", &[plain(Key::Home)], M::Go),
        spec(C::LastSlice, "Last slice", "To the end of the stack", &[plain(Key::End)], M::Go),
        spec(C::NextSeries, "Next series", "The next series in the browser", &[plain(Key::PageDown)], M::Go),
        spec(C::PreviousSeries, "Previous series", "The previous series in the browser", &[plain(Key::PageUp)], M::Go),
        spec(C::NextTime, "Next time", "The same position at the next time", &[plain(Key::Period)], M::Go),
        spec(C::PreviousTime, "Previous time", "The same position at the previous time", &[plain(Key::Comma)], M::Go),
        spec(
            C::DecidingSlice,
            "Deciding slice",
            "The slice that decides the class of the stack",
            &[plain(Key::D)],
            M::Go,
        ),
        spec(C::ToggleCine, "Cine", "Play through the slices, or stop", &[plain(Key::C), plain(Key::Space)], M::Go),
        spec(C::TogglePalette, "Command palette…", "Find a command by its name", &[ctrl(Key::K)], M::Help),
        spec(C::ToggleHelp, "Mouse and keys", "The list of all commands and keys", &[plain(Key::F1)], M::Help),
    ]
};

impl Command {
    /// How the command presents itself; `None` for changes that only a control of its own makes.
    #[must_use]
    pub fn spec(&self) -> Option<&'static Spec> {
        SPECS.iter().find(|spec| spec.command == *self)
    }
}
