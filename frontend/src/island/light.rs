//! The light that waits for the first call of a key: it asks the management API every few
//! seconds, with the reader's own session, and turns green or says why the call was refused.

use std::time::Duration;

use leptos::{prelude::*, wasm_bindgen::JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Response, js_sys::Reflect};

use crate::icon::Icon;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(3);
/// Looks before it gives up: half an hour. The page can be loaded again.
const LOOKS: u32 = 600;

/// The newest call, as far as the light tells of it.
#[derive(Clone, Debug, PartialEq)]
struct Call {
    id: String,
    title: String,
    status: u16,
    /// Our own code, if the gateway answered itself.
    code: String,
}

impl Call {
    fn succeeded(&self) -> bool {
        (200..400).contains(&self.status)
    }
}

/// Waits for a call. Without JavaScript it stays a lamp with a link that looks again.
#[island]
pub fn Light(
    /// Address that answers a page of the request log, newest first; it has a query already.
    newest: String,
    /// Address of the log's pages: an entry is one step below.
    log: String,
    /// Where "Look again" leads.
    again: String,
) -> impl IntoView {
    let call = RwSignal::new(None::<Call>);
    Effect::new(move |_| watch(newest.clone(), call));
    let class = move || match call.get() {
        None => "light light--waiting",
        Some(call) if call.succeeded() => "light light--on",
        Some(_) => "light light--refused",
    };
    let symbol = move || match call.get() {
        None => Icon::Terminal.href(),
        Some(call) if call.succeeded() => Icon::Check.href(),
        Some(_) => Icon::Warn.href(),
    };
    let title = move || match call.get() {
        None => "Waiting for the first call",
        Some(call) if call.succeeded() => "The first call arrived",
        Some(_) => "A call arrived, and was refused",
    };
    let words = move || match call.get() {
        None => "It turns green when a call was answered well, a few seconds after it.".to_owned(),
        Some(call) => format!("{}: {} {}", call.title, call.status, call.code),
    };
    let href = move || match call.get() {
        None => again.clone(),
        Some(call) => format!("{log}/{}", call.id),
    };
    let link = move || {
        if call.get().is_none() {
            "Look again"
        } else {
            "Open log entry"
        }
    };
    view! {
        <div class=class role="status">
            <span class="light-lamp">
                <svg class="i" aria-hidden="true">
                    <use href=symbol></use>
                </svg>
            </span>
            <div>
                <b>{title}</b>
                <br />
                <span class="soft">{words}</span>
            </div>
            <a class="btn btn--s" href=href>
                {link}
            </a>
        </div>
    }
}

/// Looks until a call succeeded, or for too long.
fn watch(newest: String, call: RwSignal<Option<Call>>) {
    let looks = StoredValue::new(0);
    let timer = StoredValue::new(None::<IntervalHandle>);
    let stop = move || {
        if let Some(timer) = timer.get_value() {
            timer.clear();
        }
    };
    let look = move || {
        looks.update_value(|looks| *looks += 1);
        if looks.get_value() > LOOKS {
            return stop();
        }
        let newest = newest.clone();
        leptos::task::spawn_local(async move {
            // A look that fails is followed by the next one.
            let Ok(Some(seen)) = best(&newest).await else {
                return;
            };
            if seen.succeeded() {
                stop();
            }
            if call.get_untracked().as_ref() != Some(&seen) {
                call.set(Some(seen));
            }
        });
    };
    timer.set_value(set_interval_with_handle(look, PAUSE).ok());
}

/// The newest call that succeeded; while there is none, the newest at all. Refusals that follow a
/// success do not undo it.
async fn best(address: &str) -> Result<Option<Call>, JsValue> {
    match ask(&format!("{address}&status=2xx")).await? {
        None => ask(address).await,
        good => Ok(good),
    }
}

async fn ask(address: &str) -> Result<Option<Call>, JsValue> {
    let Some(window) = web_sys::window() else {
        return Ok(None);
    };
    let response = JsFuture::from(window.fetch_with_str(address)).await?;
    let page = JsFuture::from(Response::from(response).json()?).await?;
    let line = Reflect::get_u32(&Reflect::get(&page, &"items".into())?, 0)?;
    if line.is_undefined() {
        return Ok(None);
    }
    let text = |name: &str| {
        Ok::<_, JsValue>(
            Reflect::get(&line, &name.into())?
                .as_string()
                .unwrap_or_default(),
        )
    };
    Ok(Some(Call {
        id: text("id")?,
        title: format!("{} {}", text("method")?, text("path")?),
        status: Reflect::get(&line, &"status".into())?
            .as_f64()
            .unwrap_or_default() as u16,
        code: text("code")?,
    }))
}
