//! Form fields: a label, the control, help, and what is wrong with the value.

use leptos::prelude::*;

use super::{Text, escape, head::Link, part};
use crate::{
    form::Form,
    icon::{Icon, icon},
};

/// What the control looks like.
#[derive(Clone, Debug)]
enum Control {
    Input { kind: &'static str },
    Area { rows: u8 },
    Select { options: Vec<(String, String)> },
}

/// A field of one value. Its name is also its id: one form per page has a field of that name.
#[derive(Clone, Debug)]
pub struct Field {
    name: String,
    label: Text,
    control: Control,
    value: String,
    problem: Option<String>,
    help: Option<Text>,
    optional: bool,
    marked: bool,
    mono: bool,
    autocomplete: Option<&'static str>,
    placeholder: Option<Text>,
    unit: Option<&'static str>,
    min: Option<&'static str>,
    step: Option<&'static str>,
    link: Option<Link>,
}

impl Field {
    fn new(name: impl Into<String>, label: impl Into<Text>, control: Control) -> Self {
        Self {
            name: name.into(),
            label: label.into(),
            control,
            value: String::new(),
            problem: None,
            help: None,
            optional: false,
            marked: true,
            mono: false,
            autocomplete: None,
            placeholder: None,
            unit: None,
            min: None,
            step: None,
            link: None,
        }
    }

    /// One line of text.
    pub fn text(name: impl Into<String>, label: impl Into<Text>) -> Self {
        Self::new(name, label, Control::Input { kind: "text" })
    }

    pub fn email(name: impl Into<String>, label: impl Into<Text>) -> Self {
        Self::new(name, label, Control::Input { kind: "email" })
    }

    /// A day, sent as `2025-11-20`.
    pub fn date(name: impl Into<String>, label: impl Into<Text>) -> Self {
        Self::new(name, label, Control::Input { kind: "date" })
    }

    /// A whole number.
    pub fn number(name: impl Into<String>, label: impl Into<Text>) -> Self {
        Self::new(name, label, Control::Input { kind: "number" })
    }

    /// A password: it is never written back into the page.
    pub fn password(name: impl Into<String>, label: impl Into<Text>) -> Self {
        Self::new(name, label, Control::Input { kind: "password" })
    }

    /// A file; its form needs `enctype="multipart/form-data"`.
    pub fn file(name: impl Into<String>, label: impl Into<Text>) -> Self {
        Self::new(name, label, Control::Input { kind: "file" })
    }

    /// Several lines of text.
    pub fn area(name: impl Into<String>, label: impl Into<Text>, rows: u8) -> Self {
        Self::new(name, label, Control::Area { rows })
    }

    /// One of `options`, each a value and its words.
    pub fn select(
        name: impl Into<String>,
        label: impl Into<Text>,
        options: Vec<(String, String)>,
    ) -> Self {
        Self::new(name, label, Control::Select { options })
    }

    /// Takes value and problem from the form.
    #[must_use]
    pub fn of(mut self, form: &Form) -> Self {
        if !matches!(
            self.control,
            Control::Input {
                kind: "password" | "file"
            }
        ) {
            self.value = form.value(&self.name).to_owned();
        }
        self.problem = form.problem(&self.name).map(str::to_owned);
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<Text>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Marks a field that may stay empty; the others are `required`.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// It may stay empty, and that goes without saying: a filter, or one of two ways.
    #[must_use]
    pub fn unmarked(mut self) -> Self {
        self.optional = true;
        self.marked = false;
        self
    }

    /// For keys, paths and addresses.
    #[must_use]
    pub fn mono(mut self) -> Self {
        self.mono = true;
        self
    }

    /// The token of the HTML standard: `username`, `current-password`, `new-password`, …
    #[must_use]
    pub fn autocomplete(mut self, token: &'static str) -> Self {
        self.autocomplete = Some(token);
        self
    }

    #[must_use]
    pub fn placeholder(mut self, text: impl Into<Text>) -> Self {
        self.placeholder = Some(text.into());
        self
    }

    /// The unit inside the control, on the right.
    #[must_use]
    pub fn unit(mut self, unit: &'static str) -> Self {
        self.unit = Some(unit);
        self
    }

    /// The least that a number may be.
    #[must_use]
    pub fn min(mut self, least: &'static str) -> Self {
        self.min = Some(least);
        self
    }

    /// How fine a number may be: `0.01`; whole unless set.
    #[must_use]
    pub fn step(mut self, step: &'static str) -> Self {
        self.step = Some(step);
        self
    }

    /// Where what is missing can be made: behind the help.
    #[must_use]
    pub fn link(mut self, link: Option<Link>) -> Self {
        self.link = link;
        self
    }

    fn view(self) -> AnyView {
        let link = self
            .link
            .clone()
            .map(|link| view! { <p class="help"><a href=link.href>{link.label}</a></p> });
        let help_id = self.help.is_some().then(|| format!("{}-h", self.name));
        let problem_id = self.problem.is_some().then(|| format!("{}-e", self.name));
        let described = [problem_id.clone(), help_id.clone()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" ");
        let class = if self.problem.is_some() {
            "field field--error"
        } else {
            "field"
        };
        let label = self.label.clone();
        let (id, optional) = (self.name.clone(), self.optional && self.marked);
        let (help, problem, unit) = (self.help.clone(), self.problem.clone(), self.unit);
        let control = self.control((!described.is_empty()).then_some(described));
        let control = match unit {
            Some(unit) => {
                view! { <div class="input-unit">{control}<span>{unit}</span></div> }.into_any()
            }
            None => control,
        };
        view! {
            <div class=class>
                <label for=id>
                    {label}
                    {optional.then(|| view! { " " <span class="opt">"optional"</span> })}
                </label>
                {control}
                {problem.map(|problem| error(problem_id, problem))}
                {help.map(|help| view! { <p class="help" id=help_id>{help}</p> })}
                {link}
            </div>
        }
        .into_any()
    }

    fn control(self, described: Option<String>) -> AnyView {
        let class = if self.mono {
            "input input--mono"
        } else {
            "input"
        };
        let invalid = self.problem.is_some().then_some("true");
        let (id, name) = (self.name.clone(), self.name);
        let required = !self.optional;
        match self.control {
            Control::Input { kind } => {
                let value = (!self.value.is_empty()).then_some(self.value);
                view! {
                    <input
                        class=class
                        id=id
                        name=name
                        type=kind
                        value=value
                        required=required
                        autocomplete=self.autocomplete
                        placeholder=self.placeholder
                        min=self.min
                        step=self.step
                        aria-invalid=invalid
                        aria-describedby=described
                    />
                }
                .into_any()
            }
            Control::Area { rows } => view! {
                <textarea
                    class=class
                    id=id
                    name=name
                    rows=rows.to_string()
                    required=required
                    placeholder=self.placeholder
                    aria-invalid=invalid
                    aria-describedby=described
                >
                    // The HTML parser drops a first line break: this one is dropped for it.
                    // And leptos writes the inside of a textarea as it is (it counts it among raw
                    // texts, which HTML does not), so it is made safe here.
                    {format!("\n{}", escape(&self.value))}
                </textarea>
            }
            .into_any(),
            Control::Select { options } => {
                let chosen = self.value;
                let options = options
                    .into_iter()
                    .map(|(value, words)| {
                        let selected = value == chosen;
                        view! { <option value=value selected=selected>{words}</option> }
                    })
                    .collect_view();
                view! {
                    <select
                        class=class
                        id=id
                        name=name
                        required=required
                        aria-invalid=invalid
                        aria-describedby=described
                    >
                        {options}
                    </select>
                }
                .into_any()
            }
        }
    }
}
part!(Field);

/// What is wrong with a value, in one sentence that says what to change.
#[must_use]
pub fn error(id: Option<String>, message: String) -> AnyView {
    view! {
        <p class="error" id=id>
            {icon(Icon::No)}
            {message}
        </p>
    }
    .into_any()
}

/// A few alternatives side by side, of which one holds. Options are values and their words.
#[must_use]
pub fn choice(
    name: &'static str,
    legend: impl Into<Text>,
    options: Vec<(&'static str, Text)>,
    form: &Form,
) -> AnyView {
    let legend: Text = legend.into();
    let first = options.first().map(|(value, _)| *value).unwrap_or_default();
    let chosen = match form.value(name) {
        "" => first.to_owned(),
        value => value.to_owned(),
    };
    let problem = form
        .problem(name)
        .map(|problem| error(None, problem.to_owned()));
    let options = options
        .into_iter()
        .map(|(value, words)| {
            let checked = value == chosen;
            view! {
                <label>
                    <input type="radio" name=name value=value checked=checked />
                    {words}
                </label>
            }
        })
        .collect_view();
    view! {
        <fieldset class="field">
            <legend>{legend}</legend>
            <div class="choice">{options}</div>
            {problem}
        </fieldset>
    }
    .into_any()
}

/// A box to tick; `value` is sent when it is ticked.
#[must_use]
pub fn check(
    name: &'static str,
    value: &'static str,
    words: impl Into<Text>,
    form: &Form,
) -> AnyView {
    let words: Text = words.into();
    let checked = form.holds(name, value);
    let problem = form
        .problem(name)
        .map(|problem| error(None, problem.to_owned()));
    view! {
        <div class="field">
            <label class="check">
                <input type="checkbox" name=name value=value checked=checked />
                <span>{words}</span>
            </label>
            {problem}
        </div>
    }
    .into_any()
}

/// What is wrong with the form as a whole, with the problems of fields that it does not show.
#[must_use]
pub fn refusal(form: &Form, shown: &[&str]) -> Option<AnyView> {
    let elsewhere: Vec<String> = form
        .problems_elsewhere(shown)
        .map(|(name, message)| match name.as_str() {
            "" => message.clone(),
            name => format!("{name}: {message}"),
        })
        .collect();
    let message = form.refusal().map(str::to_owned);
    if message.is_none() && elsewhere.is_empty() {
        return None;
    }
    let body = view! {
        {message.map(|message| view! { <p>{message}</p> })}
        {elsewhere.into_iter().map(|line| view! { <p>{line}</p> }).collect_view()}
    };
    Some(super::boxes::callout(super::state::Tone::Danger, body))
}
