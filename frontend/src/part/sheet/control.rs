//! The controls of single fields, each with its label, its help and what is wrong with it.

use domain::form::Choice;
use leptos::prelude::*;

use super::words::rich;
use crate::part::{escape, field::error};

/// What every field has.
#[derive(Debug)]
pub(super) struct Named {
    /// Also its id: one form per page has a field of that name.
    pub(super) name: String,
    pub(super) title: String,
    pub(super) help: String,
    pub(super) required: bool,
    pub(super) problems: Vec<String>,
    /// Where the person goes on.
    pub(super) focus: bool,
}

impl Named {
    fn described(&self) -> Option<String> {
        let problem = (!self.problems.is_empty()).then(|| format!("{}-e", self.name));
        let help = (!self.help.is_empty()).then(|| format!("{}-h", self.name));
        let ids: Vec<String> = problem.into_iter().chain(help).collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }

    fn invalid(&self) -> Option<&'static str> {
        (!self.problems.is_empty()).then_some("true")
    }

    fn class(&self) -> &'static str {
        match self.problems.is_empty() {
            true => "field",
            false => "field field--error",
        }
    }

    /// What is wrong, then the help.
    fn below(&self) -> AnyView {
        let wrong = (!self.problems.is_empty()).then(|| {
            // A thousand lines can be wrong; who reads them puts the first right.
            let shown = self.problems.iter().take(10);
            let all = shown
                .map(|problem| error(None, problem.clone()))
                .collect_view();
            let rest = self.problems.len().saturating_sub(10);
            let rest = (rest > 0).then(|| error(None, format!("And {rest} more.")));
            view! { <div class="errors" id=format!("{}-e", self.name)>{all}{rest}</div> }
        });
        let help = (!self.help.is_empty()).then(|| {
            view! { <p class="help" id=format!("{}-h", self.name)>{rich(&self.help)}</p> }
        });
        view! { {wrong}{help} }.into_any()
    }

    fn around(&self, control: AnyView) -> AnyView {
        let optional = (!self.required).then(|| view! { " " <span class="opt">"optional"</span> });
        view! {
            <div class=self.class()>
                <label for=self.name.clone()>{self.title.clone()}{optional}</label>
                {control}
                {self.below()}
            </div>
        }
        .into_any()
    }
}

/// One line.
pub(super) fn input(
    named: Named,
    held: &str,
    example: Option<String>,
    unit: Option<String>,
) -> AnyView {
    let value = (!held.is_empty()).then(|| held.to_owned());
    let mode = unit.is_some().then_some("numeric");
    let control = view! {
        <input class="input input--mono" type="text" id=named.name.clone() name=named.name.clone() value=value
            inputmode=mode placeholder=example required=named.required autocomplete="off" spellcheck="false"
            aria-invalid=named.invalid() aria-describedby=named.described() autofocus=named.focus />
    };
    let control = match unit {
        Some(unit) => {
            view! { <div class="input-unit">{control}<span>{unit}</span></div> }.into_any()
        }
        None => control.into_any(),
    };
    named.around(control)
}

/// Several lines: as many as there are, within reason.
pub(super) fn area(named: Named, held: &str, least: usize) -> AnyView {
    let rows = (held.lines().count() + 1).clamp(least, usize::max(least, 16));
    let control = view! {
        <textarea class="input input--mono" id=named.name.clone() name=named.name.clone() rows=rows.to_string()
            required=named.required autocomplete="off" spellcheck="false"
            aria-invalid=named.invalid() aria-describedby=named.described() autofocus=named.focus
        >
            // As in `part::field`: the first line break is dropped, and leptos escapes nothing here.
            {format!("\n{}", escape(held))}
        </textarea>
    };
    named.around(control.into_any())
}

/// A box to tick.
pub(super) fn check(named: Named, ticked: bool) -> AnyView {
    view! {
        <div class=named.class()>
            <label class="check">
                <input type="checkbox" id=named.name.clone() name=named.name.clone() value="on" checked=ticked
                    aria-invalid=named.invalid() aria-describedby=named.described() autofocus=named.focus />
                <span>{named.title.clone()}</span>
            </label>
            <div class="below-check">{named.below()}</div>
        </div>
    }
    .into_any()
}

/// One of a few: side by side where that is short, else a list that folds out. With `unset` also
/// none of them: a radio button cannot be taken back otherwise.
pub(super) fn choice(named: Named, choices: &[Choice], held: &str, unset: bool) -> AnyView {
    let none = unset.then(|| (String::new(), "Not set".to_owned()));
    let all = choices
        .iter()
        .map(|choice| (choice.text(), choice.title.clone()));
    let mut options: Vec<(String, String)> = none.into_iter().chain(all).collect();
    if !held.is_empty() && options.iter().all(|(value, _)| value != held) {
        // What was typed is kept, though it is none of them.
        options.push((held.to_owned(), held.to_owned()));
    }
    let named = explained(named, choices);
    let letters: usize = options.iter().map(|(_, title)| title.chars().count()).sum();
    if options.len() <= 5 && letters <= 30 {
        return side_by_side(&named, options, held);
    }
    let options = options
        .into_iter()
        .map(|(value, title)| view! { <option value=value.clone() selected=value == held>{title}</option> })
        .collect_view();
    let control = view! {
        <select class="input" id=named.name.clone() name=named.name.clone() autofocus=named.focus
            aria-invalid=named.invalid() aria-describedby=named.described()>
            {options}
        </select>
    };
    // There is always one that holds.
    let named = Named {
        required: true,
        ..named
    };
    named.around(control.into_any())
}

/// The help with what each choice means.
fn explained(mut named: Named, choices: &[Choice]) -> Named {
    for choice in choices.iter().filter(|choice| !choice.help.is_empty()) {
        let more = format!(" {}: {}", choice.title, choice.help);
        named.help.push_str(&more);
    }
    named.help = named.help.trim().to_owned();
    named
}

fn side_by_side(named: &Named, options: Vec<(String, String)>, held: &str) -> AnyView {
    let options = options
        .into_iter()
        .map(|(value, title)| {
            let checked = value == held;
            view! {
                <label>
                    <input type="radio" name=named.name.clone() value=value checked=checked
                        aria-describedby=named.described() />
                    {title}
                </label>
            }
        })
        .collect_view();
    view! {
        <fieldset class=named.class() id=named.name.clone()>
            <legend>{named.title.clone()}</legend>
            <div class="choice">{options}</div>
            {named.below()}
        </fieldset>
    }
    .into_any()
}

/// Several of a few. Those that are chosen come first, in their order, which the browser keeps.
pub(super) fn checks(named: Named, choices: &[Choice], held: &[&str]) -> AnyView {
    let chosen = held
        .iter()
        .filter_map(|held| choices.iter().find(|one| one.text() == **held));
    let others = choices
        .iter()
        .filter(|one| !held.contains(&one.text().as_str()));
    let all: Vec<&Choice> = chosen.chain(others).collect();
    let strange: Vec<String> = held
        .iter()
        .filter(|held| choices.iter().all(|one| one.text() != **held))
        .map(|held| (*held).to_owned())
        .collect();
    let named = explained(named, choices);
    let known = all.into_iter().map(|one| (one.text(), one.title.clone()));
    let boxes = known
        .chain(strange.into_iter().map(|held| (held.clone(), held)))
        .map(|(value, title)| {
            let ticked = held.contains(&value.as_str());
            view! {
                <label class="check">
                    <input type="checkbox" name=named.name.clone() value=value checked=ticked
                        aria-describedby=named.described() />
                    <span>{title}</span>
                </label>
            }
        })
        .collect_view();
    view! {
        <fieldset class=named.class() id=named.name.clone()>
            <legend>{named.title.clone()}</legend>
            <div class="checks">{boxes}</div>
            {named.below()}
        </fieldset>
    }
    .into_any()
}
