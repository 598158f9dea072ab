//! The fields of a form that a schema describes ([`domain::form`]): nested, repeated, and without
//! a script. Rows come and go by buttons that send the form.

mod control;
mod words;

use std::cell::Cell;

use domain::form::{AS_JSON, Act, Control, Line, MOST_ROWS, Part, Rows, Way, inside};
use leptos::prelude::*;

use self::control::{Named, area, check, checks, choice, input};
use self::words::rich;
use super::field::error;
use crate::form::Form;
use crate::icon::{Icon, icon};

/// A form that is being shown.
#[derive(Debug)]
pub struct Sheet<'a> {
    form: &'a Form,
    /// The row that was just added: its first field is where the person goes on.
    focus: Cell<Option<&'a str>>,
}

impl<'a> Sheet<'a> {
    #[must_use]
    pub const fn new(form: &'a Form, focus: Option<&'a str>) -> Self {
        Self {
            form,
            focus: Cell::new(focus),
        }
    }

    /// The fields of these parts. Short ones stand side by side.
    #[must_use]
    pub fn parts(&self, parts: &[Part]) -> AnyView {
        self.below(parts, "")
    }

    fn below(&self, parts: &[Part], at: &str) -> AnyView {
        let mut rows: Vec<Vec<&Part>> = Vec::new();
        for part in parts {
            let fits = |row: &&mut Vec<&Part>| {
                row.len() < 3 && part.control.is_narrow() && row[0].control.is_narrow()
            };
            match rows.last_mut().filter(fits) {
                Some(row) => row.push(part),
                None => rows.push(vec![part]),
            }
        }
        rows.into_iter()
            .map(|row| match row.as_slice() {
                [one] => self.part(one, &inside(at, &one.name)),
                several => {
                    let fields = several
                        .iter()
                        .map(|part| self.part(part, &inside(at, &part.name)))
                        .collect_view();
                    view! { <div class="form-row">{fields}</div> }.into_any()
                }
            })
            .collect_view()
            .into_any()
    }

    fn named(&self, part: &Part, at: &str) -> Named {
        let mine = |focus: &&str| {
            at.strip_prefix(*focus)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        let focus = self.focus.take();
        let is_mine = focus.as_ref().is_some_and(mine);
        self.focus.set(focus.filter(|_| !is_mine));
        Named {
            name: at.to_owned(),
            title: part.title.clone(),
            help: part.help.clone(),
            required: part.required,
            problems: self.problems(at),
            focus: is_mine,
        }
    }

    fn problems(&self, at: &str) -> Vec<String> {
        self.form.problems_of(at).map(str::to_owned).collect()
    }

    /// What is wrong with a part that is no single field.
    fn wrong(&self, at: &str) -> AnyView {
        self.problems(at)
            .into_iter()
            .map(|problem| error(None, problem))
            .collect_view()
            .into_any()
    }

    fn part(&self, part: &Part, at: &str) -> AnyView {
        let form = self.form;
        let as_json = format!("{at}{AS_JSON}");
        if form.has(&as_json) {
            let mut named = self.named(part, &as_json);
            named.title.push_str(" as JSON");
            return area(named, form.value(&as_json), 3);
        }
        let named = self.named(part, at);
        match &part.control {
            Control::Text {
                lines: 1, example, ..
            } => input(named, form.value(at), example.clone(), None),
            Control::Text { lines, .. } => area(named, form.value(at), usize::from(*lines)),
            Control::Number { unit, example, .. } => {
                input(named, form.value(at), example.clone(), unit.clone())
            }
            Control::Flag => check(named, form.has(at)),
            Control::Choice(choices) => choice(named, choices, form.value(at), part.may_be_unset()),
            Control::Set(choices) => {
                let held: Vec<&str> = form.values_of(at).collect();
                checks(named, choices, &held)
            }
            Control::Lines(line) => area(self.lined(named, line), form.value(at), 3),
            Control::Pairs { name, value } => self.pairs(named, name, value),
            Control::Group(parts) => self.group(named, parts),
            Control::Rows(rows) => self.rows(named, rows),
            Control::Ways(ways) => {
                let body = self.ways(ways, at);
                fieldset(&named, self.wrong(at), body)
            }
            Control::Free => area(named, form.value(at), 4),
        }
    }

    /// Says of a list what a line of it is.
    fn lined(&self, mut named: Named, line: &Line) -> Named {
        let more = match line {
            Line::Text => "One per line.".to_owned(),
            Line::Of(choices) => {
                let names: Vec<String> = choices
                    .iter()
                    .map(|one| format!("`{}`", one.text()))
                    .collect();
                format!("One per line, of {}.", names.join(", "))
            }
            Line::Short(parts) => {
                let rest: Vec<String> = parts
                    .iter()
                    .skip(1)
                    .map(|part| format!("`{} …`", part.name))
                    .collect();
                let example = "`192.0.2.0/24 until 2026-12-31T00:00:00Z`";
                format!(
                    "One per line, with {} behind it where it ends: {example}.",
                    rest.join(" and ")
                )
            }
        };
        named.help = format!("{} {more}", named.help).trim().to_owned();
        named
    }

    /// How many rows are shown of a list.
    fn count(&self, at: &str) -> usize {
        let count = self.form.value(at).trim().parse().unwrap_or(0);
        usize::min(count, MOST_ROWS)
    }

    fn pairs(&self, named: Named, name: &str, value: &str) -> AnyView {
        let at = named.name.clone();
        let count = self.count(&at);
        let rows = (0..count)
            .map(|index| {
                let row = format!("{at}/{index}");
                let problems = self.problems(&row);
                let class = if problems.is_empty() { "pair" } else { "pair field--error" };
                let number = index + 1;
                let described = (!problems.is_empty()).then(|| format!("{row}-e"));
                let invalid = described.is_some().then_some("true");
                let focus = self.focus.get() == Some(row.as_str());
                let field = |of: &str, label: &str, focus: bool| {
                    let id = format!("{row}/{of}");
                    let held = self.form.value(&id).to_owned();
                    view! {
                        <label class="vh" for=id.clone()>{format!("{label} {number}")}</label>
                        <input class="input input--mono" id=id.clone() name=id type="text" value=held
                            placeholder=label.to_owned() autocomplete="off" spellcheck="false"
                            aria-invalid=invalid aria-describedby=described.clone() autofocus=focus />
                    }
                    .into_any()
                };
                let problems = (!problems.is_empty()).then(|| {
                    let all = problems.into_iter().map(|problem| error(None, problem)).collect_view();
                    view! { <div class="pair-error" id=format!("{row}-e")>{all}</div> }
                });
                view! {
                    <div class=class>
                        <span>{field("name", name, focus)}</span>
                        <span>{field("value", value, false)}</span>
                        {remove(&row, &format!("Remove row {number}"))}
                        {problems}
                    </div>
                }
            })
            .collect_view();
        let body = view! {
            <input type="hidden" name=at.clone() value=count.to_string() />
            <div class="pairs">{rows}</div>
            {add(&at, "Add a row")}
        };
        fieldset(&named, self.wrong(&at), body.into_any())
    }

    /// An object; one that may be missing is there when its box is ticked.
    fn group(&self, named: Named, parts: &[Part]) -> AnyView {
        let at = named.name.clone();
        let fields = self.below(parts, &at);
        let wrong = self.wrong(&at);
        if named.required {
            return fieldset(
                &named,
                wrong,
                view! { <div class="form">{fields}</div> }.into_any(),
            );
        }
        let help_id = format!("{at}-h");
        view! {
            <fieldset class="group group--optional">
                <legend class="vh">{named.title.clone()}</legend>
                <label class="check">
                    <input type="checkbox" id=at.clone() name=at.clone() value="on" checked=self.form.has(&at)
                        aria-describedby=help_id.clone() autofocus=named.focus />
                    <span>{named.title.clone()}</span>
                </label>
                <p class="help" id=help_id>{rich(&named.help)}</p>
                {wrong}
                <div class="group-body form">{fields}</div>
            </fieldset>
        }
        .into_any()
    }

    fn rows(&self, named: Named, rows: &Rows) -> AnyView {
        let at = named.name.clone();
        let count = self.count(&at);
        let title = &rows.title;
        let items = (0..count)
            .map(|index| {
                let row = format!("{at}/{index}");
                let number = index + 1;
                let body = match &rows.item {
                    Control::Group(parts) => self.below(parts, &row),
                    Control::Ways(ways) => self.ways(ways, &row),
                    _ => ().into_any(),
                };
                let up = (index > 0).then(|| {
                    let label = format!("Move {title} {number} up");
                    button(Act::Up, &row, "btn btn--quiet btn--icon btn--s", icon(Icon::ArrowUp), &label)
                });
                view! {
                    <fieldset class="row-card" id=format!("{row}-row")>
                        <legend>{format!("{title} {number}")}</legend>
                        <span class="row-acts">{up} {remove(&row, &format!("Remove {title} {number}"))}</span>
                        {self.wrong(&row)}
                        <div class="form">{body}</div>
                    </fieldset>
                }
            })
            .collect_view();
        let more = format!("Add {} {}", article(title), title.to_lowercase());
        let body = view! {
            <input type="hidden" name=at.clone() value=count.to_string() />
            {items}
            {add(&at, &more)}
        };
        fieldset(&named, self.wrong(&at), body.into_any())
    }

    /// Several kinds of which one is chosen; what belongs to the others is hidden by the
    /// stylesheet.
    fn ways(&self, ways: &[Way], at: &str) -> AnyView {
        let chosen = self.form.value(at);
        ways.iter()
            .map(|way| {
                let id = format!("{at}~{}", way.name);
                let of = id.clone();
                let fields = self.below(&way.parts, &inside(at, &way.name));
                view! {
                    <div class="way">
                        <label class="check" for=of>
                            <input type="radio" id=id name=at.to_owned() value=way.name.clone() checked=chosen == way.name />
                            <span><code>{way.name.clone()}</code> " " <span class="faint">{rich(&way.help)}</span></span>
                        </label>
                        <div class="group-body form">{fields}</div>
                    </div>
                }
            })
            .collect_view()
            .into_any()
    }
}

fn article(noun: &str) -> &'static str {
    match noun.starts_with(['A', 'E', 'I', 'O', 'U']) {
        true => "an",
        false => "a",
    }
}

fn fieldset(named: &Named, wrong: AnyView, body: AnyView) -> AnyView {
    let help_id = format!("{}-h", named.name);
    let described = help_id.clone();
    view! {
        <fieldset class="group" aria-describedby=described>
            <legend>{named.title.clone()}</legend>
            <p class="help" id=help_id>{rich(&named.help)}</p>
            {wrong}
            {body}
        </fieldset>
    }
    .into_any()
}

fn button(act: Act, at: &str, class: &'static str, words: impl IntoAny, label: &str) -> AnyView {
    view! {
        <button class=class name="do" value=act.write(at) formnovalidate=true aria-label=label.to_owned() title=label.to_owned()>
            {words.into_any()}
        </button>
    }
    .into_any()
}

fn remove(at: &str, label: &str) -> AnyView {
    let class = "btn btn--quiet btn--icon btn--s";
    button(Act::Remove, at, class, icon(Icon::Close), label)
}

fn add(at: &str, words: &str) -> AnyView {
    view! {
        <div>
            <button class="btn btn--s" name="do" value=Act::Add.write(at) formnovalidate=true>
                {icon(Icon::Plus)} {words.to_owned()}
            </button>
        </div>
    }
    .into_any()
}

/// The names of all fields that are shown, for [`super::field::refusal`].
#[must_use]
pub fn names(parts: &[Part], form: &Form) -> Vec<String> {
    let mut names = Vec::new();
    collect(parts, form, "", &mut names);
    names
}

fn collect(parts: &[Part], form: &Form, at: &str, out: &mut Vec<String>) {
    for part in parts {
        let at = inside(at, &part.name);
        let as_json = format!("{at}{AS_JSON}");
        if form.has(&as_json) {
            out.push(as_json);
            continue;
        }
        let count = usize::min(form.value(&at).trim().parse().unwrap_or(0), MOST_ROWS);
        match &part.control {
            Control::Group(parts) => collect(parts, form, &at, out),
            Control::Ways(ways) => collect_ways(ways, form, &at, out),
            Control::Pairs { .. } => out.extend((0..count).map(|row| format!("{at}/{row}"))),
            Control::Rows(rows) => {
                for row in (0..count).map(|row| format!("{at}/{row}")) {
                    match &rows.item {
                        Control::Group(parts) => collect(parts, form, &row, out),
                        Control::Ways(ways) => collect_ways(ways, form, &row, out),
                        _ => {}
                    }
                    out.push(row);
                }
            }
            _ => {}
        }
        out.push(at);
    }
}

fn collect_ways(ways: &[Way], form: &Form, at: &str, out: &mut Vec<String>) {
    for way in ways {
        collect(&way.parts, form, &inside(at, &way.name), out);
    }
}
