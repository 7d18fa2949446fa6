//! The commands `profile` and `settings`.

use clap::{Args, Subcommand, ValueEnum};
use letsapp_core::domain::user::{About, Adders, Audience, DisplayName, Email};
use letsapp_core::protocol::MyProfile;
use letsapp_core::protocol::requests::{SettingsPatch, UpdateMe};

use super::context::Context;
use super::failure::Failure;
use super::render::name_of;
use super::sanitize::{one_line, sanitize};

#[derive(Debug, Args)]
pub(super) struct Profile {
    /// Set the name that others see
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// Set a short text about yourself
    #[arg(long, value_name = "TEXT")]
    about: Option<String>,
    /// Set an email address to sign in with. Not shown to others
    #[arg(long, conflicts_with = "no_email")]
    email: Option<String>,
    /// Remove the email address
    #[arg(long)]
    no_email: bool,
}

#[derive(Debug, Args)]
pub(super) struct Settings {
    #[command(subcommand)]
    change: Option<Change>,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Change {
    /// Set who can see whether you are online and when you were last seen
    LastSeen {
        /// Everyone, only your contacts, or nobody
        to: Viewers,
    },
    /// Set who can add you to groups. People whom you block never can
    Groups {
        /// Everyone, or only your contacts
        to: GroupAdders,
    },
    /// Set whether others can see which messages you have read
    ReadReceipts {
        /// On or off
        to: Switch,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Viewers {
    Everyone,
    Contacts,
    Nobody,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum GroupAdders {
    Everyone,
    Contacts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

impl Profile {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let invalid =
            |what: &str, error: letsapp_core::domain::text::TextError| Failure::Refused(format!("the {what} {error}"));
        let display_name = self.display_name.map(DisplayName::parse).transpose();
        let about = self.about.map(About::parse).transpose();
        let email = self.email.map(Email::parse).transpose();
        let email = email.map_err(|error| invalid("email", error))?;
        let request = UpdateMe {
            display_name: display_name.map_err(|error| invalid("display name", error))?,
            about: about.map_err(|error| invalid("description", error))?,
            email: if self.no_email { Some(None) } else { email.map(Some) },
            ..UpdateMe::default()
        };
        let profile = apply(context, request).await?;
        context.output.show(&profile, || {
            let about = (!profile.user.about.is_empty()).then(|| sanitize(&profile.user.about));
            let email = profile.email.as_deref().map(one_line);
            let lines = [Some(name_of(&profile.user)), about, email];
            lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
        })
    }
}

impl Settings {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let settings = self.change.map(|change| match change {
            Change::LastSeen { to } => SettingsPatch {
                last_seen: Some(match to {
                    Viewers::Everyone => Audience::Everyone,
                    Viewers::Contacts => Audience::Contacts,
                    Viewers::Nobody => Audience::Nobody,
                }),
                ..SettingsPatch::default()
            },
            Change::Groups { to } => SettingsPatch {
                groups: Some(match to {
                    GroupAdders::Everyone => Adders::Everyone,
                    GroupAdders::Contacts => Adders::Contacts,
                }),
                ..SettingsPatch::default()
            },
            Change::ReadReceipts { to } => SettingsPatch {
                read_receipts: Some(to == Switch::On),
                ..SettingsPatch::default()
            },
        });
        let request = UpdateMe {
            settings,
            ..UpdateMe::default()
        };
        let settings = apply(context, request).await?.settings;
        context.output.show(&settings, || {
            let receipts = if settings.read_receipts { "on" } else { "off" };
            format!(
                "last-seen      {}\ngroups         {}\nread-receipts  {receipts}",
                one_line(&settings.last_seen),
                one_line(&settings.groups)
            )
        })
    }
}

/// Applies a change, if there is one, and returns the current profile.
async fn apply(context: &Context, request: UpdateMe) -> Result<MyProfile, Failure> {
    let profile = if request == UpdateMe::default() {
        context.client.me().await
    } else {
        context.client.update_me(&request).await
    };
    profile.map_err(|error| context.explain(error))
}
