//! Badges and tags: a state is an icon and a word, never colour alone.

use leptos::prelude::*;

use super::{Text, part};
use crate::icon::{Icon, icon};

/// What a colour means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    Ok,
    Warn,
    Danger,
    Info,
}

impl Tone {
    fn class(self, block: &str) -> String {
        match self {
            Self::Plain => block.to_owned(),
            Self::Ok => format!("{block} {block}--ok"),
            Self::Warn => format!("{block} {block}--warn"),
            Self::Danger => format!("{block} {block}--danger"),
            Self::Info => format!("{block} {block}--info"),
        }
    }

    /// The class of a callout in this tone.
    pub(super) fn callout(self) -> String {
        self.class("callout")
    }
}

/// A state: tone, icon and word. The normal state of a long list is [`Badge::quiet`].
#[derive(Clone, Debug)]
pub struct Badge {
    tone: Tone,
    icon: Icon,
    word: Text,
    quiet: bool,
}

impl Badge {
    pub fn new(tone: Tone, icon: Icon, word: impl Into<Text>) -> Self {
        Self {
            tone,
            icon,
            word: word.into(),
            quiet: false,
        }
    }

    /// The same without a filled ground.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    fn view(self) -> AnyView {
        let mut class = self.tone.class("badge");
        if self.quiet {
            class.push_str(" badge--quiet");
        }
        view! { <span class=class>{icon(self.icon)}{self.word}</span> }.into_any()
    }
}
part!(Badge);

/// An HTTP method as a small tagged word.
#[must_use]
pub fn method(method: &str) -> AnyView {
    let class = match method {
        "GET" | "HEAD" | "OPTIONS" => "method",
        "DELETE" => "method method--destroy",
        _ => "method method--write",
    };
    view! { <span class=class>{method.to_owned()}</span> }.into_any()
}

/// A status code as a small tagged word.
#[must_use]
pub fn status(code: u16) -> AnyView {
    let class = match code / 100 {
        2 => "status status--2xx",
        4 => "status status--4xx",
        5 => "status status--5xx",
        _ => "status",
    };
    view! { <span class=class>{code}</span> }.into_any()
}

/// A label without meaning of its own: a tag, a version.
#[must_use]
pub fn tag(text: impl Into<Text>) -> AnyView {
    let text: Text = text.into();
    view! { <span class="tag">{text}</span> }.into_any()
}
