//! Mails: one shape for all, as plain text and as simple HTML; and every text that we send.
//!
//! Links are built from `portal_url` only. Names that people chose are one line each and escaped.

use crate::settings::Settings;

/// Where the links in mails lead: pages that show a button; its POST uses the link.
pub mod path {
    pub const VERIFY: &str = "/verify";
    pub const RESET: &str = "/reset";
    pub const INVITATION: &str = "/invitations";
    pub const SETUP: &str = "/setup";
}

/// A mail before it is put into the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Which of ours it is: `account.verify`, `subscription.requested`.
    pub kind: &'static str,
    pub recipient: String,
    pub subject: String,
    pub paragraphs: Vec<String>,
    /// The one thing to do: label and address.
    pub action: Option<(String, String)>,
    /// Why they got it.
    pub footer: String,
}

impl Letter {
    pub fn text(&self) -> String {
        let mut out = String::new();
        for paragraph in &self.paragraphs {
            out.push_str(paragraph);
            out.push_str("\n\n");
        }
        if let Some((label, url)) = &self.action {
            out.push_str(&format!("{label}:\n{url}\n\n"));
        }
        out.push_str(&format!("-- \n{}\n", self.footer));
        out
    }

    pub fn html(&self) -> String {
        let mut body = String::new();
        for paragraph in &self.paragraphs {
            body.push_str(&format!(
                "<p>{}</p>\n",
                escape(paragraph).replace('\n', "<br>")
            ));
        }
        if let Some((label, url)) = &self.action {
            let (label, url) = (escape(label), escape(url));
            body.push_str(&format!(
                "<p><a href=\"{url}\" style=\"display:inline-block;padding:10px 16px;border-radius:6px;\
                 background:#1f2328;color:#ffffff;text-decoration:none\">{label}</a></p>\n\
                 <p style=\"color:#59636e;font-size:13px\">Or open {url}</p>\n"
            ));
        }
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title></head>\n\
             <body style=\"font:15px/1.5 system-ui,sans-serif;color:#1f2328;max-width:36em;margin:2em auto;padding:0 1em\">\n\
             {body}<p style=\"color:#59636e;font-size:13px;border-top:1px solid #d1d9e0;padding-top:1em\">{}</p>\n</body></html>\n",
            escape(&self.subject),
            escape(&self.footer),
        )
    }
}

fn escape(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut out, c| {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&#39;"),
                c => out.push(c),
            }
            out
        })
}

/// The texts.
#[derive(Debug, Clone, Copy)]
pub struct Letters<'s>(pub &'s Settings);

impl Letters<'_> {
    fn account(&self, kind: &'static str, to: &str, subject: &str, paragraphs: &[&str]) -> Letter {
        Letter {
            kind,
            recipient: to.to_owned(),
            subject: subject.to_owned(),
            paragraphs: paragraphs.iter().map(|text| (*text).to_owned()).collect(),
            action: None,
            footer: format!("Sent by the developer portal at {}.", self.0.portal_base()),
        }
    }

    fn link(&self, label: &str, path: &str, token: &str) -> Option<(String, String)> {
        Some((label.to_owned(), self.0.link(&format!("{path}/{token}"))))
    }

    /// Sign-up: the link makes the account.
    pub fn verify(&self, to: &str, name: &str, token: &str) -> Letter {
        let hello = format!("Hello {name},");
        let paragraphs = [
            hello.as_str(),
            "someone, hopefully you, signed up with this address. Confirm it to make your account. The link works once, for 24 hours.",
            "If it was not you, ignore this mail: nothing is made without the link.",
        ];
        let mut letter = self.account("account.verify", to, "Confirm your address", &paragraphs);
        letter.action = self.link("Confirm your address", path::VERIFY, token);
        letter
    }

    /// Sign-up with an address that has an account: only its owner learns that.
    pub fn already_known(&self, to: &str, name: &str) -> Letter {
        let hello = format!("Hello {name},");
        let paragraphs = [
            hello.as_str(),
            "someone, hopefully you, tried to sign up with this address. You have an account already: sign in, or choose a new password if you forgot yours.",
            "If it was not you, there is nothing to do.",
        ];
        let mut letter = self.account(
            "account.already_known",
            to,
            "You have an account already",
            &paragraphs,
        );
        letter.action = Some(("Sign in".to_owned(), self.0.link("/sign-in")));
        letter
    }

    pub fn reset(&self, to: &str, name: &str, token: &str) -> Letter {
        let hello = format!("Hello {name},");
        let paragraphs = [
            hello.as_str(),
            "someone, hopefully you, asked for a new password for your account. The link works once, for 60 minutes.",
            "If it was not you, ignore this mail: your password stays as it is.",
        ];
        let mut letter = self.account("account.reset", to, "Choose a new password", &paragraphs);
        letter.action = self.link("Choose a new password", path::RESET, token);
        letter
    }

    pub fn password_changed(&self, to: &str, name: &str) -> Letter {
        let hello = format!("Hello {name},");
        let paragraphs = [
            hello.as_str(),
            "the password of your account was changed, and your other devices were signed out.",
            "If it was not you, choose a new password at once.",
        ];
        let mut letter = self.account(
            "account.password_changed",
            to,
            "Your password was changed",
            &paragraphs,
        );
        letter.action = Some(("Choose a new password".to_owned(), self.0.link(path::RESET)));
        letter
    }

    /// `place` is the organization, with the team if there is one.
    pub fn invitation(&self, to: &str, inviter: &str, place: &str, token: &str) -> Letter {
        let text = format!("{inviter} invites you to {place}. The link works once, for 7 days.");
        let mut letter = self.account(
            "invitation",
            to,
            &format!("Invitation to {place}"),
            &[&text],
        );
        letter.action = self.link("See the invitation", path::INVITATION, token);
        letter
    }

    /// What happened to a subscription or a credential; `reason` is what a person wrote to it.
    pub fn subscription(
        &self,
        kind: &'static str,
        to: &str,
        subject: &str,
        text: &str,
        reason: &str,
        page: &str,
    ) -> Letter {
        let mut letter = self.account(kind, to, subject, &[text]);
        if !reason.is_empty() {
            letter.paragraphs.push(format!("\u{201c}{reason}\u{201d}"));
        }
        letter.action = Some(("Open it in the portal".to_owned(), self.0.link(page)));
        letter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_come_from_portal_url_and_names_are_escaped() {
        let settings = Settings::new(
            "https://portal.example.com/".parse().unwrap(),
            "http://127.0.0.1:1".parse().unwrap(),
        );
        let letter = Letters(&settings).verify("a@b.example", "<b>Ines & co</b>", "tok");
        assert!(
            letter
                .text()
                .contains("https://portal.example.com/verify/tok\n")
        );
        let html = letter.html();
        assert!(html.contains("&lt;b&gt;Ines &amp; co&lt;/b&gt;") && !html.contains("<b>"));
        assert!(html.contains("href=\"https://portal.example.com/verify/tok\""));
    }
}
