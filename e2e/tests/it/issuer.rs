//! Tokens of a real identity provider, npm's oidc-provider: that they are taken, that its keys may
//! change, that it may be away, and that nobody makes the gateway ask it without end.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use e2e::client::Client;
use e2e::process::Portunus;
use e2e::upstream::Upstream;
use e2e::wait::until;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

/// Where `.ci/test` installs it.
fn peers() -> anyhow::Result<PathBuf> {
    let folder = std::env::var_os("PORTUNUS_PEERS").context(
        "set PORTUNUS_PEERS to a folder in which `npm install oidc-provider@8.8.1` was run",
    )?;
    Ok(folder.into())
}

pub(crate) struct Issuer {
    child: Child,
    pub(crate) address: String,
}

impl Issuer {
    pub(crate) async fn start(port: &str, keys: &Path, which: &str) -> anyhow::Result<Self> {
        let peers = peers()?;
        // Modules are looked for beside the script.
        let script = peers.join("issuer.mjs");
        std::fs::write(&script, include_str!("../peers/issuer.mjs"))?;
        let mut child = Command::new("node")
            .arg(&script)
            .arg(port)
            .arg(keys)
            .arg(which)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("node")?;
        let out = child.stdout.take().context("its output")?;
        let mut lines = BufReader::new(out).lines();
        let line = tokio::time::timeout(Duration::from_secs(60), lines.next_line()).await??;
        let address = line.context("the issuer has ended")?;
        Ok(Self { child, address })
    }

    pub(crate) async fn token(&self, resource: &str, scope: &str) -> anyhow::Result<String> {
        let resource = format!("&resource=https%3A%2F%2F{resource}.test&scope={scope}");
        self.granted(&resource).await
    }

    /// One that says nothing by itself.
    async fn opaque(&self) -> anyhow::Result<String> {
        self.granted("").await
    }

    async fn granted(&self, more: &str) -> anyhow::Result<String> {
        let form = format!("grant_type=client_credentials{more}");
        let answer = self.post("/token", form).await?;
        let token = answer.json()?["access_token"].as_str().map(str::to_owned);
        token.context("no token")
    }

    /// One that is bound to the key of a proof.
    async fn bound(&self, more: &str, proof: &str) -> anyhow::Result<String> {
        let form = format!("grant_type=client_credentials{more}");
        let client = self.client()?.with("dpop", proof)?;
        let url = format!("{}/token", self.address);
        let told = client.send("POST", &url, form).await?;
        let told = told.expect(200)?.json()?;
        anyhow::ensure!(told["token_type"] == "DPoP", "{told}");
        told["access_token"]
            .as_str()
            .map(str::to_owned)
            .context("no token")
    }

    async fn post(&self, path: &str, form: String) -> anyhow::Result<e2e::client::Answer> {
        let url = format!("{}{path}", self.address);
        self.client()?.send("POST", &url, form).await?.expect(200)
    }

    fn client(&self) -> anyhow::Result<Client> {
        // mobile:known-to-this-test-alone
        Client::default()
            .with(
                "authorization",
                "Basic bW9iaWxlOmtub3duLXRvLXRoaXMtdGVzdC1hbG9uZQ==",
            )?
            .with("content-type", "application/x-www-form-urlencoded")
    }

    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// A proof of a client's key (RFC 9449), made by npm's jose.
async fn prove(key: &Path, method: &str, url: &str, token: &str) -> anyhow::Result<String> {
    let script = peers()?.join("prove.mjs");
    std::fs::write(&script, include_str!("../peers/prove.mjs"))?;
    let made = Command::new("node")
        .arg(&script)
        .arg(key)
        .args([method, url, token])
        .output()
        .await
        .context("node")?;
    anyhow::ensure!(made.status.success(), "{made:?}");
    Ok(String::from_utf8(made.stdout)?.trim().to_owned())
}

async fn gateway(folder: &Path, issuer: &str, upstream: &str) -> anyhow::Result<Portunus> {
    let file = folder.join("gateway.yaml");
    let jwt = format!("jwt: {{ issuers: [{{ issuer: '{issuer}', audience: [shop] }}] }}");
    std::fs::write(
        &file,
        format!(
            "portunus: 1\nupstreams: {{ u: {{ targets: [{{ url: '{upstream}' }}] }} }}\n\
             apis: {{ x: {{ versions: {{ v1: {{ match: {{ path: /x }}, upstream: u, policies: [{{ {jwt} }}], \
             operations: [{{ match: {{ method: GET, path: /write }}, policies: [{{ scopes: {{ all: [write] }} }}] }}], operations_mode: open }} }} }} }}\n\
             products: {{ x: {{ versions: [x/v1], plans: {{ free: {{}} }} }} }}\n\
             applications: {{ mobile: {{ clients: [{{ name: idp, issuer: '{issuer}', client_id: mobile }}], \
             subscriptions: [{{ product: x, plan: free }}] }} }}\n"
        ),
    )?;
    let free = "127.0.0.1:0";
    let file = file.display().to_string();
    let args = ["--config", &*file, "--gateway", free, "--admin", free];
    Portunus::start("gateway", &folder.join("data"), &args, &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_a_real_issuer() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let keys = folder.path().join("keys.json");
    let upstream = Upstream::start().await?;
    let issuer = Issuer::start("0", &keys, "1").await?;
    let running = gateway(folder.path(), &issuer.address, &upstream.url()).await?;
    let url = |path: &str| format!("{}{path}", running.ready.gateway);
    let status = async |path: &str, token: &str| -> anyhow::Result<u16> {
        let client = Client::default().bearer(token)?;
        Ok(client.get(&url(path)).await?.status)
    };
    let counted = async |what: &str| -> anyhow::Result<u64> {
        let text = Client::default()
            .get(&format!("{}/metrics", running.ready.admin))
            .await?
            .text;
        let name = format!("portunus_issuer_keys_{what}_total ");
        let line = text.lines().find_map(|line| line.strip_prefix(&*name));
        Ok(line.context("no such metric")?.parse()?)
    };

    let token = issuer.token("shop", "read").await?;
    let served = async || (status("/x", &token).await.ok()? == 200).then_some(());
    until("the first keys", Duration::from_secs(20), served).await?;
    assert_eq!(status("/x/write", &token).await?, 403, "without the scope");
    let writer = issuer.token("shop", "write").await?;
    assert_eq!(status("/x/write", &writer).await?, 200);
    let other = issuer.token("bank", "read").await?;
    assert_eq!(status("/x", &other).await?, 401, "for another audience");
    let seen = upstream.seen();
    let headers = &seen.last().context("nothing came through")?.headers;
    assert!(!headers.contains_key("authorization"), "{headers:?}");

    // A flood of tokens whose keys nobody knows: same form, other names of keys.
    let before = counted("fetched").await?;
    let (_, rest) = token.split_once('.').context("a token")?;
    let named = |kid: &str| {
        let header = format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#);
        format!("{}.{rest}", base64(&header))
    };
    for round in 0..500 {
        let forged = named(&format!("flood-{round}"));
        assert_eq!(status("/x", &forged).await?, 401);
    }
    let asked = counted("fetched").await? - before;
    println!("a flood of 500 unknown names of keys: {asked} questions");
    assert!(asked <= 2, "{asked} questions");

    // It is away: what is known goes on, also when it was asked in vain.
    let before = counted("failed").await?;
    let address = issuer.address.clone();
    let port = address.rsplit(':').next().context("a port")?.to_owned();
    issuer.stop().await?;
    // Its port stays with us, so that nobody else takes it before it is back.
    let kept = TcpListener::bind(("127.0.0.1", port.parse::<u16>()?)).await?;
    let away = tokio::spawn(async move { while kept.accept().await.is_ok() {} });
    assert_eq!(status("/x", &token).await?, 200, "while the issuer is away");
    let stranger = named("stranger");
    let failed = async || {
        status("/x", &stranger).await.ok()?;
        (counted("failed").await.ok()? > before).then_some(())
    };
    until("a question in vain", Duration::from_secs(60), failed).await?;
    assert_eq!(status("/x", &token).await?, 200, "what is known stays");

    // It is back and signs with a new key, beside the old one.
    away.abort();
    let _ = away.await;
    let issuer = Issuer::start(&port, &keys, "21").await?;
    let new = issuer.token("shop", "read").await?;
    let began = Instant::now();
    let taken = async || (status("/x", &new).await.ok()? == 200).then_some(());
    until("the new key", Duration::from_secs(60), taken).await?;
    println!(
        "a new key was taken {:?} after its first token",
        began.elapsed()
    );
    assert_eq!(
        status("/x", &token).await?,
        200,
        "the old one is still published"
    );

    // It withdraws the old key: what that has signed counts no more, whoever saw it before.
    issuer.stop().await?;
    let issuer = Issuer::start(&port, &keys, "2").await?;
    let began = Instant::now();
    let withdrawn = async || {
        status("/x", &stranger).await.ok()?;
        (status("/x", &token).await.ok()? == 401).then_some(())
    };
    until("the withdrawal", Duration::from_secs(60), withdrawn).await?;
    println!("an old key was let go of after {:?}", began.elapsed());
    let refused = Client::default().bearer(&token)?.get(&url("/x")).await?;
    assert!(refused.text.contains("token_invalid"), "{}", refused.text);
    assert_eq!(status("/x", &new).await?, 200, "the new one stays");
    issuer.stop().await?;
    assert_eq!(running.terminate().await?, 0);
    Ok(())
}

/// A gateway that takes signed tokens of an issuer, and asks it about all others.
async fn either(folder: &Path, own: &str, u: &str) -> anyhow::Result<Portunus> {
    let file = folder.join("gateway.yaml");
    std::fs::write(
        &file,
        format!(
            "portunus: 1\nupstreams: {{ u: {{ targets: [{{ url: '{u}' }}] }}, \
             login: {{ targets: [{{ url: '{own}' }}], credential: {{ basic: {{ user: mobile, password: known-to-this-test-alone }} }} }} }}\n\
             apis: {{ x: {{ versions: {{ v1: {{ match: {{ path: /x }}, upstream: u, policies: [{{ any_of: {{ of: [\
             {{ jwt: {{ issuers: [{{ issuer: '{own}', audience: [shop] }}] }} }}, \
             {{ oauth2_introspection: {{ upstream: login, path: /token/introspection, issuer: '{own}', cache: 1s, headers: {{ X-Client: client_id }} }} }}] }} }}] }} }} }} }}\n\
             products: {{ x: {{ versions: [x/v1], plans: {{ free: {{}} }} }} }}\n\
             applications: {{ mobile: {{ clients: [{{ name: idp, issuer: '{own}', client_id: mobile }}], \
             subscriptions: [{{ product: x, plan: free }}] }} }}\n"
        ),
    )?;
    let free = "127.0.0.1:0";
    let file = file.display().to_string();
    let args = ["--config", &*file, "--gateway", free, "--admin", free];
    Portunus::start("gateway", &folder.join("data"), &args, &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn bound_tokens_of_a_real_issuer() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let upstream = Upstream::start().await?;
    let issuer = Issuer::start("0", &folder.path().join("keys.json"), "1").await?;
    let running = either(folder.path(), &issuer.address, &upstream.url()).await?;
    let url = format!("{}/x", running.ready.gateway);
    let (own, stolen) = (
        folder.path().join("own.json"),
        folder.path().join("thief.json"),
    );
    let call = async |token: &str, proof: &str| -> anyhow::Result<(u16, String)> {
        let client = Client::default().with("authorization", &format!("DPoP {token}"))?;
        let answer = client.with("dpop", proof)?.get(&url).await?;
        Ok((answer.status, answer.text))
    };
    for more in ["&resource=https%3A%2F%2Fshop.test&scope=read", ""] {
        let endpoint = format!("{}/token", issuer.address);
        let asked = prove(&own, "POST", &endpoint, "").await?;
        let token = issuer.bound(more, &asked).await?;
        // The issuer's keys come a moment later.
        let served = async || {
            let proof = prove(&own, "GET", &url, &token).await.ok()?;
            (call(&token, &proof).await.ok()?.0 == 200).then_some(())
        };
        until("the first keys", Duration::from_secs(20), served).await?;
        let seen = upstream.seen();
        let headers = &seen.last().context("nothing came through")?.headers;
        assert!(!headers.contains_key("authorization"), "{headers:?}");
        assert!(!headers.contains_key("dpop"), "{headers:?}");

        let once = prove(&own, "GET", &url, &token).await?;
        assert_eq!(call(&token, &once).await?.0, 200);
        let other = format!("{url}/other");
        for proof in [
            once,
            asked,
            prove(&stolen, "GET", &url, &token).await?,
            prove(&own, "POST", &url, &token).await?,
            prove(&own, "GET", &other, &token).await?,
            prove(&own, "GET", &url, "another").await?,
            prove(&own, "GET", &url, "").await?,
        ] {
            let (status, text) = call(&token, &proof).await?;
            assert_eq!(status, 401, "{text}");
            assert!(text.contains("proof_invalid"), "{text}");
        }
        let naked = Client::default().bearer(&token)?.get(&url).await?;
        assert_eq!(naked.status, 401, "{}", naked.text);
    }
    issuer.stop().await?;
    assert_eq!(running.terminate().await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_issuer_is_asked_about_opaque_tokens() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let upstream = Upstream::start().await?;
    let issuer = Issuer::start("0", &folder.path().join("keys.json"), "1").await?;
    let running = either(folder.path(), &issuer.address, &upstream.url()).await?;
    let url = format!("{}/x", running.ready.gateway);
    let call = async |token: &str| -> anyhow::Result<(u16, String)> {
        let answer = Client::default().bearer(token)?.get(&url).await?;
        Ok((answer.status, answer.text))
    };

    let token = issuer.opaque().await?;
    assert!(!token.contains('.'), "{token}");
    let (status, text) = call(&token).await?;
    assert_eq!(status, 200, "{text}");
    let seen = upstream.seen();
    let headers = &seen.last().context("nothing came through")?.headers;
    assert_eq!(headers["x-client"], "mobile");
    assert!(!headers.contains_key("authorization"), "{headers:?}");
    let (status, text) = call("nobody-knows-this").await?;
    assert_eq!(status, 401, "{text}");
    // Signed ones go the other way.
    let signed = issuer.token("shop", "read").await?;
    let served = async || (call(&signed).await.ok()?.0 == 200).then_some(());
    until("the first keys", Duration::from_secs(20), served).await?;

    // Withdrawn, it is good for as long as an answer is believed.
    issuer
        .post("/token/revocation", format!("token={token}"))
        .await?;
    let over = async || (call(&token).await.ok()?.0 == 401).then_some(());
    until("the token is over", Duration::from_secs(10), over).await?;

    let other = issuer.opaque().await?;
    assert_eq!(call(&other).await?.0, 200);
    issuer.stop().await?;
    let (status, text) = call("asked-while-it-is-away").await?;
    assert_eq!(status, 503);
    assert!(text.contains("undecided"), "{text}");
    assert_eq!(running.terminate().await?, 0);
    Ok(())
}

/// RFC 4648 §5, for what a test forges.
fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for three in text.as_bytes().chunks(3) {
        let bits = three
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - three.len()));
        for at in 0..=three.len() {
            out.push(DIGITS[(bits >> (18 - 6 * at) & 63) as usize] as char);
        }
    }
    out
}
