//! A real browser: Debian's Chromium behind its driver, headless, with a profile of its own.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A browser window. Dropping it ends the driver and with it the browser.
pub struct Browser {
    pub window: Client,
    _driver: Child,
    /// Port of the driver, and the id of the one session in it.
    session: (u16, String),
    _profile: tempfile::TempDir,
}

/// What a window is like.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    pub width: u32,
    pub dark: bool,
    pub javascript: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            width: 1280,
            dark: false,
            javascript: true,
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Only the end of its session makes the driver close the browser; ended itself, it would
        // leave it behind.
        let _ = self.end_session();
    }
}

impl Browser {
    pub async fn open(look: Look) -> anyhow::Result<Self> {
        let (driver, port) = start_driver().await?;
        let profile = tempfile::tempdir()?;
        let window = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities(look, profile.path()))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .context("Chromium starts")?;
        let id = window.session_id().await?.context("a session")?;
        Ok(Self {
            window,
            _driver: driver,
            session: (port, id),
            _profile: profile,
        })
    }

    /// DELETE of the session, without a runtime: it is called while one may be ending.
    fn end_session(&self) -> std::io::Result<()> {
        use std::io::{Read, Write};
        let (port, id) = &self.session;
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", *port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(
            stream,
            "DELETE /session/{id} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
        )?;
        stream.read_to_end(&mut Vec::new()).map(|_| ())
    }

    pub async fn goto(&self, url: &str) -> anyhow::Result<()> {
        self.window.goto(url).await.with_context(|| url.to_owned())
    }

    pub async fn fill(&self, name: &str, value: &str) -> anyhow::Result<()> {
        let field = self
            .window
            .find(Locator::Css(&format!("[name='{name}']")))
            .await;
        let field = match field {
            Ok(field) => field,
            Err(error) => bail!("no field {name} on {}: {error}", self.describe().await),
        };
        field.clear().await?;
        field.send_keys(value).await?;
        Ok(())
    }

    /// Gives a file field the file of `path`.
    pub async fn attach(&self, name: &str, path: &std::path::Path) -> anyhow::Result<()> {
        let selector = format!("input[name='{name}']");
        let field = self.window.find(Locator::Css(&selector)).await?;
        field
            .send_keys(path.to_str().context("a path in UTF-8")?)
            .await?;
        Ok(())
    }

    /// Chooses the option whose words contain `words`.
    pub async fn select(&self, name: &str, words: &str) -> anyhow::Result<()> {
        let xpath =
            format!("//select[@name={name:?}]/option[contains(normalize-space(.), {words:?})]");
        self.click_at(Locator::XPath(&xpath), &xpath).await
    }

    /// Marks the radio button or box of this name and value.
    pub async fn mark(&self, name: &str, value: &str) -> anyhow::Result<()> {
        self.click(&format!("input[name='{name}'][value='{value}']"))
            .await
    }

    /// Clicks what a CSS selector names, and lets the page that follows load.
    pub async fn click(&self, selector: &str) -> anyhow::Result<()> {
        self.click_at(Locator::Css(selector), selector).await
    }

    /// Clicks what an XPath names, where no other page follows.
    pub async fn click_path(&self, xpath: &str) -> anyhow::Result<()> {
        self.click_at(Locator::XPath(xpath), xpath).await
    }

    async fn click_at(&self, place: Locator<'_>, words: &str) -> anyhow::Result<()> {
        Ok(self.one(place, words).await?.click().await?)
    }

    async fn one(&self, place: Locator<'_>, words: &str) -> anyhow::Result<Element> {
        match self.window.find(place).await {
            Ok(element) => Ok(element),
            Err(error) => bail!("no {words} on {}: {error}", self.describe().await),
        }
    }

    /// Presses the link or button whose text contains `text`, and waits for the page behind it.
    pub async fn press(&self, text: &str) -> anyhow::Result<()> {
        self.follow(&format!(
            "//main//*[self::a or self::button][contains(normalize-space(.), {text:?})]"
        ))
        .await
    }

    /// Sends the form of a field by the enter key.
    pub async fn enter(&self, name: &str) -> anyhow::Result<()> {
        let selector = format!("[name='{name}']");
        let field = self.one(Locator::Css(&selector), &selector).await?;
        field.send_keys("\u{e007}").await?;
        gone(&field, &selector).await
    }

    /// Presses what an XPath names, and waits until another page has taken this one's place.
    pub async fn follow(&self, xpath: &str) -> anyhow::Result<()> {
        let element = self.one(Locator::XPath(xpath), xpath).await?;
        element.click().await?;
        gone(&element, xpath).await
    }

    /// Address of the page, without the origin.
    pub async fn place(&self) -> anyhow::Result<String> {
        Ok(self.window.current_url().await?.path().to_owned())
    }

    /// Whether the browser part of the page runs: asked until it does, or for five seconds.
    pub async fn is_alive(&self) -> bool {
        let alive = || async {
            let found = self.window.find(Locator::Css("html[data-hydrated]")).await;
            found.ok().map(|_| ())
        };
        let patience = Duration::from_secs(5);
        crate::wait::until("the islands wake", patience, alive)
            .await
            .is_ok()
    }

    pub async fn text(&self, selector: &str) -> anyhow::Result<String> {
        match self.window.find(Locator::Css(selector)).await {
            Ok(element) => Ok(element.text().await?),
            Err(error) => bail!("no {selector} on {}: {error}", self.describe().await),
        }
    }

    /// The page's address and text, for messages.
    pub async fn describe(&self) -> String {
        let url = self
            .window
            .current_url()
            .await
            .map(|url| url.to_string())
            .unwrap_or_default();
        let text = match self.window.find(Locator::Css("body")).await {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        };
        format!("{url}\n{text}\n")
    }

    pub async fn shows(&self, text: &str) -> anyhow::Result<()> {
        let page = self.describe().await;
        anyhow::ensure!(page.contains(text), "{text:?} is not on {page}");
        Ok(())
    }

    pub async fn screenshot(&self, path: &std::path::Path) -> anyhow::Result<()> {
        std::fs::write(path, self.window.screenshot().await?)?;
        Ok(())
    }
}

/// A driver on a free port. It takes a port first and then the same one of IPv6, which another may
/// have by then; it ends in that case, so another is started.
async fn start_driver() -> anyhow::Result<(Child, u16)> {
    const TRIES: usize = 5;
    for _ in 0..TRIES {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("chromedriver (Debian's chromium-driver) starts")?;
        let mut lines = BufReader::new(driver.stdout.take().context("stdout")?).lines();
        while let Some(line) =
            tokio::time::timeout(Duration::from_secs(20), lines.next_line()).await??
        {
            if let Some((_, rest)) = line.split_once("started successfully on port ") {
                let port = rest.trim_end_matches('.').parse()?;
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return Ok((driver, port));
            }
        }
    }
    bail!("chromedriver ended {TRIES} times before it served")
}

/// Waits until another page has taken the place of the one with `element`: a click returns before
/// the answer to a form has come.
async fn gone(element: &Element, words: &str) -> anyhow::Result<()> {
    let gone = || async { element.tag_name().await.is_err().then_some(()) };
    let what = format!("a page behind {words}");
    crate::wait::until(&what, Duration::from_secs(10), gone).await
}

fn capabilities(
    look: Look,
    profile: &std::path::Path,
) -> serde_json::Map<String, serde_json::Value> {
    let mut args = vec![
        "--headless".to_owned(),
        "--no-sandbox".into(),
        "--disable-gpu".into(),
        "--disable-quic".into(),
        "--no-first-run".into(),
        "--disable-background-networking".into(),
        "--disable-component-update".into(),
        "--disable-sync".into(),
        "--disable-dev-shm-usage".into(),
        format!("--user-data-dir={}", profile.display()),
        format!("--window-size={},900", look.width),
    ];
    if look.dark {
        args.push("--force-dark-mode".into());
        args.push("--blink-settings=preferredColorScheme=0".into());
    }
    let scripts = if look.javascript { 1 } else { 2 };
    let options = json!({
        "args": args,
        "prefs": { "profile.managed_default_content_settings.javascript": scripts },
    });
    let mut out = serde_json::Map::new();
    out.insert("goog:chromeOptions".into(), options);
    out
}
