//! Vouchers for guests: what there is.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{Feature, Source};
use crate::call::Call;
use crate::client::{Told, Unifi};
use crate::page::{page, timestamp};
use crate::site::{Site, SiteName};
use crate::types::{LegacyVoucher, VoucherRow};

/// Which vouchers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListGuestVouchers {
    /// Only those that can still be used; default true.
    #[serde(default = "yes")]
    active_only: bool,
    /// Only those whose name contains this.
    #[schemars(length(min = 1, max = 100))]
    search: Option<String>,
    /// The site; default the configured one.
    site: Option<SiteName>,
    /// Rows per page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 1000))]
    cursor: Option<String>,
}

fn yes() -> bool {
    true
}

/// A voucher, without its code.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct VoucherItem {
    pub(crate) id: String,
    pub(crate) name: String,
    created_at: Option<String>,
    /// Minutes of access, counted from its first use.
    duration_minutes: Option<i64>,
    /// Guests who may use it; absent for any number.
    guest_limit: Option<i64>,
    /// Guests who have used it.
    guests: i64,
    /// Whether it can no longer be used.
    pub(crate) used_up: bool,
    expires_at: Option<String>,
    data_limit_mb: Option<i64>,
    down_kbps: Option<i64>,
    up_kbps: Option<i64>,
    #[serde(skip)]
    pub(crate) code: Option<String>,
}

impl VoucherItem {
    pub(super) fn of_official(row: VoucherRow) -> Self {
        let guests = row.authorized_guest_count.unwrap_or(0);
        let full = row
            .authorized_guest_limit
            .is_some_and(|limit| guests >= limit);
        Self {
            id: row.id,
            name: row.name.unwrap_or_default(),
            created_at: row.created_at,
            duration_minutes: row.time_limit_minutes,
            guest_limit: row.authorized_guest_limit,
            guests,
            used_up: full || row.expired == Some(true),
            expires_at: row.expires_at,
            data_limit_mb: row.data_usage_limit_mb,
            down_kbps: row.rx_rate_limit_kbps,
            up_kbps: row.tx_rate_limit_kbps,
            code: row.code,
        }
    }

    pub(super) fn of_legacy(row: LegacyVoucher, now_s: i64) -> Self {
        let guests = row.used.unwrap_or(0);
        let limit = row.quota.filter(|quota| *quota > 0);
        let ended = row.end_time.is_some_and(|end| end > 0 && end <= now_s);
        Self {
            id: row.id,
            name: row.note.unwrap_or_default(),
            created_at: timestamp(row.create_time),
            duration_minutes: row.duration,
            guest_limit: limit,
            guests,
            used_up: ended || limit.is_some_and(|limit| guests >= limit),
            expires_at: timestamp(row.end_time),
            data_limit_mb: row.qos_usage_quota,
            down_kbps: row.qos_rate_max_down,
            up_kbps: row.qos_rate_max_up,
            code: row.code,
        }
    }
}

/// A page of vouchers.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VoucherPage {
    #[serde(flatten)]
    page: Page<VoucherItem>,
    /// The API that told it.
    api: Source,
}

/// List the vouchers for guests, without their codes.
#[tool(read, open_world, permission = "unifi:voucher:read", timeout = 60)]
pub(crate) async fn list_guest_vouchers(
    unifi: &Unifi,
    args: ListGuestVouchers,
) -> ToolResult<VoucherPage> {
    let site = unifi.site(args.site.as_ref()).await?;
    let told = unifi.vouchers(&site).await?;
    let mut rows = told.rows;
    rows.retain(|row| {
        let search = args.search.as_ref().map(|text| text.to_lowercase());
        (!args.active_only || !row.used_up)
            && search.is_none_or(|text| row.name.to_lowercase().contains(&text))
    });
    let key = |row: &VoucherItem| {
        let created = row.created_at.as_deref().unwrap_or_default();
        format!("{created}\u{1}{}", row.id)
    };
    Ok(VoucherPage {
        page: page(rows, args.limit, args.cursor.as_deref(), key)?,
        api: told.api,
    })
}

/// Which voucher.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShowVoucherCode {
    /// Its `id` in `list_guest_vouchers`.
    #[schemars(length(min = 1, max = 64))]
    voucher: String,
    /// The site; default the configured one.
    site: Option<SiteName>,
}

/// A voucher with its code.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VoucherCode {
    voucher: VoucherItem,
    /// What the guest enters, as `12345-67890`.
    code: String,
    /// The API that told it.
    api: Source,
}

/// Show the code of a voucher, for a guest who lost it.
#[tool(
    read,
    secret,
    open_world,
    permission = "unifi:voucher:code",
    timeout = 60,
    sensitive_output("code")
)]
pub(crate) async fn show_guest_voucher_code(
    unifi: &Unifi,
    args: ShowVoucherCode,
) -> ToolResult<VoucherCode> {
    let site = unifi.site(args.site.as_ref()).await?;
    let told = unifi.vouchers(&site).await?;
    let voucher = voucher_of(told.rows, &args.voucher)?;
    Ok(VoucherCode {
        code: written(voucher.code.as_deref().unwrap_or_default()),
        voucher,
        api: told.api,
    })
}

/// A code as it stands on paper: ten digits in two halves.
pub(super) fn written(code: &str) -> String {
    match code.split_at_checked(5) {
        Some((first, second)) if code.len() == 10 => format!("{first}-{second}"),
        _ => code.to_owned(),
    }
}

pub(super) fn voucher_of(rows: Vec<VoucherItem>, id: &str) -> ToolResult<VoucherItem> {
    rows.into_iter().find(|row| row.id == id).ok_or_else(|| {
        ToolError::not_found(format!("no voucher `{id}`"))
            .reason("voucher_not_found")
            .field("voucher")
            .hint("call `list_guest_vouchers`, with `active_only` false for those that are used up")
    })
}

impl Unifi {
    /// All vouchers, by the official API if it has them.
    pub(super) async fn vouchers(&self, site: &Site) -> ToolResult<Told<Vec<VoucherItem>>> {
        if self.api.has(Feature::Guests).await? {
            let template = "/integration/v1/sites/{}/hotspot/vouchers";
            let rows: Vec<VoucherRow> = self.api.all("vouchers", template, &[&site.id()]).await?;
            return Ok(Told {
                rows: rows.into_iter().map(VoucherItem::of_official).collect(),
                api: Source::Integration,
            });
        }
        let call = Call::get("legacy_vouchers", "/api/s/{}/stat/voucher", &[&site.name]);
        let rows: Vec<LegacyVoucher> = self.api.rows(&call).await?;
        let now = self.now_s();
        Ok(Told {
            rows: rows
                .into_iter()
                .map(|row| VoucherItem::of_legacy(row, now))
                .collect(),
            api: Source::Legacy,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_written_in_two_halves() {
        assert_eq!(written("1234567890"), "12345-67890");
        assert_eq!(written("123"), "123");
        assert_eq!(written("ä234567890"), "ä234567890");
    }
}
