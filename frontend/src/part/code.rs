//! Code with its copy button, and the key that is shown once.

use leptos::prelude::*;
use serde_json::Value;

use super::{Text, escape};
use crate::{
    icon::{Icon, icon},
    island::copy::Copy,
};

/// A block of code under a title; the button appears only where it can work.
#[must_use]
pub fn code(title: impl Into<Text>, source: impl Into<String>) -> AnyView {
    let title: Text = title.into();
    let source: String = source.into();
    view! {
        <div class="code">
            <div class="code-head">
                <span>{title}</span>
                <span class="end">
                    <Copy
                        text=source.clone()
                        label="Copy".to_owned()
                        class="btn--quiet btn--s".to_owned()
                    />
                </span>
            </div>
            <pre tabindex="0">{source}</pre>
        </div>
    }
    .into_any()
}

/// One line of code, for a command or a line of a file.
#[must_use]
pub fn code_line(source: impl Into<String>) -> AnyView {
    let source: String = source.into();
    let class = "btn--quiet btn--icon btn--s".to_owned();
    view! {
        <div class="code code-line">
            <pre tabindex="0">{source.clone()}</pre>
            <Copy text=source label=String::new() class=class />
        </div>
    }
    .into_any()
}

/// A secret on the only page that ever shows it.
pub struct Once {
    /// The secret itself.
    pub value: String,
    /// What will be shown of it afterwards.
    pub hint: String,
    /// Name of the variable in the ready line for a `.env` file.
    pub variable: String,
    /// Where "I have stored it" leads.
    pub done: String,
}

/// The box around a secret that is shown once.
#[must_use]
pub fn once(secret: Once) -> AnyView {
    let line = format!("{}={}", secret.variable, secret.value);
    view! {
        <section class="once" aria-label="Shown once">
            <p class="once-head">
                {icon(Icon::Key)}
                <span>
                    <b>"Shown once."</b>
                    " Afterwards you will see only "
                    <code>{secret.hint}</code>
                </span>
            </p>
            <div class="once-body">
                <div class="once-key">
                    <code>{secret.value.clone()}</code>
                    <Copy text=secret.value label="Copy".to_owned() class=String::new() />
                </div>
                <div class="field">
                    <span class="label">"Line for your .env file"</span>
                    {code_line(line)}
                </div>
                <div class="row">
                    <a class="btn btn--primary" href=secret.done>
                        "I have stored it"
                    </a>
                </div>
            </div>
        </section>
    }
    .into_any()
}

/// A JSON value as it is read best: indented, with keys, texts and numbers told apart.
#[must_use]
pub fn json(value: &Value) -> String {
    let mut html = String::new();
    write_json(&mut html, value, 0);
    html
}

fn write_json(html: &mut String, value: &Value, depth: usize) {
    let line = |html: &mut String, depth: usize| {
        html.push('\n');
        html.push_str(&"  ".repeat(depth));
    };
    let colour = |html: &mut String, class: &str, text: &str| {
        html.push_str(&format!("<span class=\"{class}\">{}</span>", escape(text)));
    };
    match value {
        Value::Array(items) if !items.is_empty() => {
            html.push('[');
            for (index, item) in items.iter().enumerate() {
                html.push_str(if index > 0 { "," } else { "" });
                line(html, depth + 1);
                write_json(html, item, depth + 1);
            }
            line(html, depth);
            html.push(']');
        }
        Value::Object(members) if !members.is_empty() => {
            html.push('{');
            for (index, (name, member)) in members.iter().enumerate() {
                html.push_str(if index > 0 { "," } else { "" });
                line(html, depth + 1);
                colour(html, "t-k", &Value::from(name.as_str()).to_string());
                html.push_str(": ");
                write_json(html, member, depth + 1);
            }
            line(html, depth);
            html.push('}');
        }
        Value::String(_) => colour(html, "t-s", &value.to_string()),
        Value::Array(_) | Value::Object(_) => html.push_str(&value.to_string()),
        Value::Null | Value::Bool(_) | Value::Number(_) => colour(html, "t-n", &value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::json;

    #[test]
    fn json_is_indented_and_cannot_act() {
        let html = json(&serde_json::json!({ "a<b": ["</pre><script>", 1, null], "c": {} }));
        assert_eq!(
            html,
            "{\n  <span class=\"t-k\">&quot;a&lt;b&quot;</span>: [\n    <span class=\"t-s\">&quot;&lt;/pre&gt;&lt;script&gt;&quot;</span>,\n    <span class=\"t-n\">1</span>,\n    <span class=\"t-n\">null</span>\n  ],\n  <span class=\"t-k\">&quot;c&quot;</span>: {}\n}"
        );
    }
}
