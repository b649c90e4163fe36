//! Vouchers for guests: making and revoking them.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::vouchers::{VoucherItem, voucher_of, written};
use crate::api::{Feature, Source};
use crate::call::Call;
use crate::client::Unifi;
use crate::page::count;
use crate::site::{Site, SiteName};
use crate::types::{LegacyVoucher, MadeVouchers};

/// What the vouchers are good for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateGuestVoucher {
    /// What it is for; the guest does not see it.
    #[schemars(length(min = 1, max = 100))]
    name: String,
    /// Minutes of access, counted from its first use.
    #[schemars(range(min = 1, max = 1_000_000))]
    duration_minutes: u32,
    /// How many vouchers; default 1.
    #[schemars(range(min = 1, max = 100))]
    count: Option<u32>,
    /// Guests who may use each; default 1, 0 for any number.
    #[schemars(range(min = 0, max = 10000))]
    guest_limit: Option<u32>,
    /// Megabytes that each guest may move.
    #[schemars(range(min = 1, max = 1_048_576))]
    data_limit_mb: Option<u32>,
    /// Download rate in kilobits per second.
    #[schemars(range(min = 2, max = 100_000))]
    down_kbps: Option<u32>,
    /// Upload rate in kilobits per second.
    #[schemars(range(min = 2, max = 100_000))]
    up_kbps: Option<u32>,
    /// The site; default the configured one.
    site: Option<SiteName>,
}

/// A new voucher.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct NewVoucher {
    voucher: VoucherItem,
    /// What the guest enters, as `12345-67890`.
    code: String,
}

/// New vouchers.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct NewVouchers {
    vouchers: Vec<NewVoucher>,
    /// The API that did it.
    api: Source,
}

/// Make vouchers that let guests into the hotspot for a time. The answer has their codes.
#[tool(
    write,
    open_world,
    permission = "unifi:voucher:create",
    timeout = 60,
    sensitive_output("vouchers.code"),
    preview = preview_create,
    read_back = check_create
)]
pub(crate) async fn create_guest_voucher(
    unifi: &Unifi,
    args: CreateGuestVoucher,
) -> ToolResult<NewVouchers> {
    let site = unifi.site(args.site.as_ref()).await?;
    let (rows, api) = if unifi.api.has(Feature::Guests).await? {
        let made: MadeVouchers = unifi.api.json(&args.official_call(&site)).await?;
        let rows = made
            .vouchers
            .into_iter()
            .map(VoucherItem::of_official)
            .collect();
        (rows, Source::Integration)
    } else {
        (unifi.legacy_vouchers(&site, &args).await?, Source::Legacy)
    };
    let new = |row: VoucherItem| NewVoucher {
        code: written(row.code.as_deref().unwrap_or_default()),
        voucher: row,
    };
    Ok(NewVouchers {
        vouchers: rows.into_iter().map(new).collect(),
        api,
    })
}

impl CreateGuestVoucher {
    fn count(&self) -> u32 {
        self.count.unwrap_or(1)
    }

    fn guests(&self) -> u32 {
        self.guest_limit.unwrap_or(1)
    }

    fn official_call(&self, site: &Site) -> Call {
        let mut body = json!({
            "name": self.name,
            "timeLimitMinutes": self.duration_minutes,
            "count": self.count(),
        });
        let optional = [
            (
                "authorizedGuestLimit",
                Some(self.guests()).filter(|guests| *guests > 0),
            ),
            ("dataUsageLimitMBytes", self.data_limit_mb),
            // To the guest, and from it.
            ("rxRateLimitKbps", self.down_kbps),
            ("txRateLimitKbps", self.up_kbps),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                body[name] = value.into();
            }
        }
        let template = "/integration/v1/sites/{}/hotspot/vouchers";
        Call::post("voucher_create", template, &[&site.id()], body)
    }

    fn legacy_call(&self, site: &Site) -> Call {
        let mut body = json!({
            "cmd": "create-voucher",
            "expire": self.duration_minutes,
            "n": self.count(),
            "quota": self.guests(),
            "note": self.name,
        });
        let optional = [
            ("bytes", self.data_limit_mb),
            ("down", self.down_kbps),
            ("up", self.up_kbps),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                body[name] = value.into();
            }
        }
        Call::post(
            "hotspot_command",
            "/api/s/{}/cmd/hotspot",
            &[&site.name],
            body,
        )
    }
}

/// What the old API answers.
#[derive(Deserialize)]
struct Created {
    #[serde(rename = "create_time")]
    time: i64,
}

impl Unifi {
    /// The old API says when it made them, and tells of them when asked for that time.
    async fn legacy_vouchers(
        &self,
        site: &Site,
        args: &CreateGuestVoucher,
    ) -> ToolResult<Vec<VoucherItem>> {
        let made: Vec<Created> = self.api.rows(&args.legacy_call(site)).await?;
        let Some(made) = made.first() else {
            let message = "the console accepted the vouchers, but does not say when it made them";
            return Err(ToolError::new(Code::UpstreamRejected, message)
                .reason("unexpected_answer")
                .hint("call `list_guest_vouchers` before you try again"));
        };
        let body = json!({ "create_time": made.time });
        let call = Call::post(
            "legacy_vouchers_of",
            "/api/s/{}/stat/voucher",
            &[&site.name],
            body,
        );
        let rows: Vec<LegacyVoucher> = self.api.rows(&call.reading()).await?;
        let now = self.now_s();
        // Others may have been made in the same second.
        let ours = rows
            .into_iter()
            .filter(|row| row.note.as_deref() == Some(&args.name));
        Ok(ours.map(|row| VoucherItem::of_legacy(row, now)).collect())
    }
}

async fn preview_create(unifi: &Unifi, args: &CreateGuestVoucher) -> ToolResult<Preview> {
    let site = unifi.site(args.site.as_ref()).await?;
    let number = usize::try_from(args.count()).unwrap_or(usize::MAX);
    let whom = match args.guests() {
        0 => "any number of guests".to_owned(),
        guests => count(usize::try_from(guests).unwrap_or(usize::MAX), "guest"),
    };
    Ok(Preview {
        summary: format!(
            "make {} for `{}` in `{}`",
            count(number, "voucher"),
            args.name,
            site.title
        ),
        changes: Vec::new(),
        impact: vec![format!(
            "each lets {whom} in for {} minutes",
            args.duration_minutes
        )],
    })
}

async fn check_create(
    _unifi: &Unifi,
    args: &CreateGuestVoucher,
    done: &NewVouchers,
) -> ToolResult<Vec<Mismatch>> {
    let (wanted, found) = (args.count() as usize, done.vouchers.len());
    let mismatch = (found != wanted).then(|| Mismatch {
        field: "count",
        wanted: wanted.to_string(),
        found: found.to_string(),
    });
    Ok(mismatch.into_iter().collect())
}

/// Which voucher to revoke.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevokeGuestVoucher {
    /// Its `id` in `list_guest_vouchers`.
    #[schemars(length(min = 1, max = 64))]
    voucher: String,
    /// The site; default the configured one.
    site: Option<SiteName>,
}

/// A revoked voucher.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Revoked {
    /// As it was.
    voucher: VoucherItem,
    /// The API that did it.
    api: Source,
    #[serde(skip)]
    still_there: bool,
}

/// Revoke a voucher for good, so that nobody can use it any more.
#[tool(
    destructive,
    open_world,
    permission = "unifi:voucher:revoke",
    timeout = 60,
    preview = preview_revoke,
    targets = revoke_targets,
    read_back = check_revoke
)]
pub(crate) async fn revoke_guest_voucher(
    unifi: &Unifi,
    args: RevokeGuestVoucher,
) -> ToolResult<Revoked> {
    let site = unifi.site(args.site.as_ref()).await?;
    let told = unifi.vouchers(&site).await?;
    let voucher = voucher_of(told.rows, &args.voucher)?;
    unifi
        .api
        .done(&revoke_call(&site, &voucher.id, told.api))
        .await?;
    let left = unifi.vouchers(&site).await?.rows;
    Ok(Revoked {
        still_there: left.iter().any(|row| row.id == voucher.id),
        voucher,
        api: told.api,
    })
}

fn revoke_call(site: &Site, id: &str, api: Source) -> Call {
    if api == Source::Legacy {
        let body = json!({ "cmd": "delete-voucher", "_id": id });
        return Call::post(
            "hotspot_command",
            "/api/s/{}/cmd/hotspot",
            &[&site.name],
            body,
        );
    }
    let template = "/integration/v1/sites/{}/hotspot/vouchers/{}";
    Call::delete("voucher_delete", template, &[&site.id(), &id])
}

async fn preview_revoke(unifi: &Unifi, args: &RevokeGuestVoucher) -> ToolResult<Preview> {
    let site = unifi.site(args.site.as_ref()).await?;
    let voucher = voucher_of(unifi.vouchers(&site).await?.rows, &args.voucher)?;
    let mut impact = vec!["nobody new can use it".to_owned()];
    if voucher.used_up {
        impact.push("it is used up anyhow".to_owned());
    }
    Ok(Preview {
        summary: format!("revoke the voucher `{}` ({})", voucher.name, voucher.id),
        changes: Vec::new(),
        impact,
    })
}

async fn revoke_targets(unifi: &Unifi, args: &RevokeGuestVoucher) -> ToolResult<Vec<Target>> {
    let site = unifi.site(args.site.as_ref()).await?;
    let voucher = voucher_of(unifi.vouchers(&site).await?.rows, &args.voucher)?;
    Ok(vec![Target {
        kind: "voucher".to_owned(),
        id: voucher.id,
        name: Some(voucher.name),
        tags: Vec::new(),
    }])
}

async fn check_revoke(
    _unifi: &Unifi,
    args: &RevokeGuestVoucher,
    done: &Revoked,
) -> ToolResult<Vec<Mismatch>> {
    let mismatch = done.still_there.then(|| Mismatch {
        field: "voucher",
        wanted: "revoked".to_owned(),
        found: format!("`{}` is still there", args.voucher),
    });
    Ok(mismatch.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_named_as_each_api_names_them() {
        let args: CreateGuestVoucher = serde_json::from_value(json!({
            "name": "x", "duration_minutes": 60, "guest_limit": 0, "down_kbps": 2000, "up_kbps": 500,
        }))
        .unwrap();
        let site = Site {
            uuid: Some("u".to_owned()),
            name: "default".to_owned(),
            title: "Default".to_owned(),
        };

        assert_eq!(
            args.official_call(&site).line(),
            r#"POST /integration/v1/sites/u/hotspot/vouchers {"name":"x","timeLimitMinutes":60,"count":1,"rxRateLimitKbps":2000,"txRateLimitKbps":500}"#
        );
        assert_eq!(
            args.legacy_call(&site).line(),
            r#"POST /api/s/default/cmd/hotspot {"cmd":"create-voucher","expire":60,"n":1,"quota":0,"note":"x","down":2000,"up":500}"#
        );
    }
}
