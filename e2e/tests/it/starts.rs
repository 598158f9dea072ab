//! Starts that cannot succeed: everything that is wrong is said at once, in sentences, with 64, and
//! nothing was made.

use e2e::process::{self, Portunus};

const KEY: &str = "dGVzdC10ZXN0LXRlc3QtdGVzdC10ZXN0LXRlc3QtdGU=";

/// Arguments, environment, and what must be said.
type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a [&'a str]);

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_together_before_anything_starts() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let data = directory.path().join("data").display().to_string();
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.to_string();
    let nowhere = "postgres://x:y@127.0.0.1:1/z";
    let free = "127.0.0.1:0";
    let up = [
        "up",
        "--data",
        &data,
        "--portal",
        &port,
        "--gateway",
        &port,
        "--admin",
        free,
    ];
    let settings_file = directory.path().join("s.toml").display().to_string();
    std::fs::write(&settings_file, "nope = 1\n")?;
    let cases: &[Case<'_>] = &[
        (
            &up,
            &[
                ("PORTUNUS_OPERATOR_EMAIL", "a@b.c"),
                ("PORTUNUS_SMTP_URL", "foo://x"),
                ("PORTUNUS_MAIL_FROM", "bad"),
            ],
            &[
                "The portal address",
                "The gateway address",
                "smtp_url",
                "mail_from",
                "operator_password",
            ],
        ),
        (
            &[
                "portal",
                "--data",
                &data,
                "--portal",
                &port,
                "--admin",
                &port,
                "--database",
                nowhere,
            ],
            &[],
            &[
                "The portal address",
                "The admin address",
                "PORTUNUS_PORTAL_KEY",
                "PORTUNUS_GATEWAY_KEY",
                "cannot be opened",
            ],
        ),
        (
            &[
                "gateway",
                "--data",
                &data,
                "--gateway",
                &port,
                "--admin",
                free,
            ],
            &[("PORTUNUS_GATEWAY_KEY", KEY)],
            &["The gateway address", "There is no database"],
        ),
        (
            &["config", "--settings", &settings_file],
            &[("PORTUNUS_DRAIN", "soon"), ("PORTUNUS_WORKERS", "0")],
            &["no setting nope", "drain", "workers"],
        ),
        (&["up", "--drian", "5s"], &[], &["--drian"]),
        (
            &["audit", "verify", "--data", &data],
            &[],
            &["PORTUNUS_PORTAL_KEY"],
        ),
    ];
    for (arguments, environment, sentences) in cases {
        let (code, out, error) = process::run(arguments, environment).await?;
        assert_eq!(code, 64, "{arguments:?}: {out}{error}");
        for sentence in *sentences {
            assert!(
                error.contains(sentence),
                "{arguments:?} does not say {sentence}: {error}"
            );
        }
        assert!(
            !error.contains("panicked") && !error.contains("Error {"),
            "{error}"
        );
    }
    let made: Vec<_> = std::fs::read_dir(&data)?
        .filter_map(Result::ok)
        .map(|entry| entry.file_name())
        .collect();
    assert_eq!(made, ["lock"], "nothing else was made");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_has_one_process() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let data = directory.path().join("data");
    let first = Portunus::up(&data, &[]).await?;
    let text = data.display().to_string();
    let free = "127.0.0.1:0";
    let again = [
        "up",
        "--data",
        &text,
        "--portal",
        free,
        "--gateway",
        free,
        "--admin",
        free,
    ];
    let (code, _, error) = process::run(&again, &[]).await?;
    assert_eq!(code, 64, "{error}");
    assert!(error.contains("in use by another process"), "{error}");
    assert_eq!(first.terminate().await?, 0);
    let third = Portunus::up(&data, &[]).await?;
    assert_eq!(third.terminate().await?, 0);
    Ok(())
}
