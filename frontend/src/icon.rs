//! The icon set: 16 px symbols, drawn with a 1.5 px line in the colour of the text.
//!
//! A view only refers to a symbol; the document carries the symbols that its page refers to
//! ([`sprite`]), so that icons need no request and no page pays for all of them.

use leptos::prelude::*;

/// One symbol of `style/icons.svg`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    Mark,
    Application,
    Archive,
    Ban,
    Bell,
    Book,
    Branch,
    Building,
    Calendar,
    Chart,
    Check,
    Chevron,
    Clock,
    Copy,
    ArrowDown,
    Dots,
    ChevronDown,
    Download,
    Eye,
    Filter,
    Gear,
    Globe,
    Home,
    Webhook,
    Inbox,
    Info,
    Key,
    Layers,
    Link,
    List,
    Lock,
    Mail,
    Moon,
    No,
    Node,
    Ok,
    External,
    Pause,
    Pencil,
    Play,
    Plus,
    ArrowRight,
    Roll,
    Search,
    Shield,
    Sunset,
    Tag,
    Terminal,
    Trash,
    ArrowUp,
    UpDown,
    User,
    Users,
    Warn,
    Close,
    Sun,
}

impl Icon {
    /// What a `<use href>` says to show this symbol.
    #[must_use]
    pub const fn href(self) -> &'static str {
        match self {
            Self::Mark => "#i-mark",
            Self::Application => "#i-app",
            Self::Archive => "#i-archive",
            Self::Ban => "#i-ban",
            Self::Bell => "#i-bell",
            Self::Book => "#i-book",
            Self::Branch => "#i-branch",
            Self::Building => "#i-building",
            Self::Calendar => "#i-calendar",
            Self::Chart => "#i-chart",
            Self::Check => "#i-check",
            Self::Chevron => "#i-chevron",
            Self::Clock => "#i-clock",
            Self::Copy => "#i-copy",
            Self::ArrowDown => "#i-dn",
            Self::Dots => "#i-dots",
            Self::ChevronDown => "#i-down",
            Self::Download => "#i-download",
            Self::Eye => "#i-eye",
            Self::Filter => "#i-filter",
            Self::Gear => "#i-gear",
            Self::Globe => "#i-globe",
            Self::Home => "#i-home",
            Self::Webhook => "#i-hook",
            Self::Inbox => "#i-inbox",
            Self::Info => "#i-info",
            Self::Key => "#i-key",
            Self::Layers => "#i-layers",
            Self::Link => "#i-link",
            Self::List => "#i-list",
            Self::Lock => "#i-lock",
            Self::Mail => "#i-mail",
            Self::Moon => "#i-moon",
            Self::No => "#i-no",
            Self::Node => "#i-node",
            Self::Ok => "#i-ok",
            Self::External => "#i-out",
            Self::Pause => "#i-pause",
            Self::Pencil => "#i-pencil",
            Self::Play => "#i-play",
            Self::Plus => "#i-plus",
            Self::ArrowRight => "#i-right",
            Self::Roll => "#i-roll",
            Self::Search => "#i-search",
            Self::Shield => "#i-shield",
            Self::Sunset => "#i-sunset",
            Self::Tag => "#i-tagi",
            Self::Terminal => "#i-terminal",
            Self::Trash => "#i-trash",
            Self::ArrowUp => "#i-up",
            Self::UpDown => "#i-updown",
            Self::User => "#i-user",
            Self::Users => "#i-users",
            Self::Warn => "#i-warn",
            Self::Close => "#i-x",
            Self::Sun => "#i-sun",
        }
    }
}

/// The icon, hidden from assistive technology: the words beside it say what it means.
#[must_use]
pub fn icon(icon: Icon) -> impl IntoView {
    view! {
        <svg class="i" aria-hidden="true">
            <use href=icon.href()></use>
        </svg>
    }
}

/// The mark of the product, larger than an icon and in the accent colour.
#[must_use]
pub fn mark() -> impl IntoView {
    view! {
        <svg class="brand-mark i" aria-hidden="true">
            <use href=Icon::Mark.href()></use>
        </svg>
    }
}

/// Symbols that islands switch to after the page was rendered: each page carries them.
#[cfg(feature = "ssr")]
const OF_ISLANDS: [Icon; 5] = [Icon::Check, Icon::Copy, Icon::Moon, Icon::Sun, Icon::Warn];

/// The hidden `<svg>` with the symbols that `html` refers to, in the order of the set.
#[cfg(feature = "ssr")]
#[must_use]
pub fn sprite(html: &str) -> String {
    let mut wanted: Vec<&str> = html
        .split("href=\"#")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .chain(OF_ISLANDS.map(|icon| &icon.href()[1..]))
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut sprite = String::from("<svg class=\"sprite\" aria-hidden=\"true\">");
    for symbol in include_str!("../style/icons.svg").lines() {
        let symbol = symbol.trim();
        let id = symbol
            .strip_prefix("<symbol id=\"")
            .and_then(|rest| rest.split('"').next());
        if id.is_some_and(|id| wanted.binary_search(&id).is_ok()) {
            sprite.push_str(symbol);
        }
    }
    sprite.push_str("</svg>");
    sprite
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;

    #[test]
    fn the_sprite_holds_what_the_page_refers_to() {
        let sprite = sprite(r##"<use href="#i-key"></use><a href="#main">x</a>"##);
        assert!(sprite.contains("id=\"i-key\""));
        assert!(sprite.contains("id=\"i-copy\""));
        assert!(!sprite.contains("id=\"i-globe\""));
    }
}
