//! `nvidia-smi` as a script on the host's PATH that takes only what the real one is asked.

use std::fmt::Write as _;

use homelab_core::error::Code;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, reason};

const ALL: &str = "--query-gpu=index,uuid,name,driver_version,pstate,temperature.gpu,utilization.gpu,utilization.memory,memory.total,memory.used,memory.free,power.draw,power.limit,clocks.sm,clocks.mem,fan.speed,mig.mode.current,compute_mode,pci.bus_id,ecc.errors.uncorrected.volatile.total";
const CORE: &str =
    "--query-gpu=index,uuid,name,temperature.gpu,utilization.gpu,memory.total,memory.used";
const APPS: &str = "--query-compute-apps=gpu_uuid,pid,process_name,used_gpu_memory";
const CSV: &str = "--format=csv,noheader,nounits";

const TWO_CARDS: &str = "\
0, GPU-5f1c2d30-0000-0000-0000-000000000001, NVIDIA GeForce RTX 3090, 550.54.14, P2, 64, 97, 61, 24576, 21034, 3211, 331.20, 350.00, 1905, 9751, 71, [N/A], Default, 00000000:01:00.0, [N/A]
1, GPU-5f1c2d30-0000-0000-0000-000000000002, Tesla P4, 550.54.14, P8, 38, 0, 0, 7680, 2, 7600, [Not Supported], 75.00, 455, 405, [N/A], [N/A], Default, 00000000:02:00.0, 0";
const SPLIT_CARD: &str = "\
0, GPU-5f1c2d30-0000-0000-0000-000000000003, NVIDIA A30, 535.129.03, P0, 41, [N/A], [N/A], [N/A], [N/A], [N/A], 29.91, 165.00, 1440, 1215, [N/A], Enabled, Default, 00000000:41:00.0, 0";
const SPLIT_LIST: &str = "\
GPU 0: NVIDIA A30 (UUID: GPU-5f1c2d30-0000-0000-0000-000000000003)
  MIG 1g.6gb      Device  0: (UUID: MIG-00000000-0000-0000-0000-00000000000a)
  MIG 2g.12gb     Device  1: (UUID: MIG-00000000-0000-0000-0000-00000000000b)";

/// A script that answers each of these argument vectors, and nothing else.
fn answers(cases: &[(&[&str], &str, u8)]) -> String {
    let mut script = "case \"$#:$*\" in\n".to_owned();
    for (args, text, status) in cases {
        let vector = format!("{}:{}", args.len(), args.join(" "));
        write!(
            script,
            "'{vector}') cat <<'END'\n{text}\nEND\nexit {status};;\n"
        )
        .unwrap();
    }
    script + "*) echo \"unexpected arguments: $*\"; exit 64;; esac"
}

async fn world(cases: &[(&[&str], &str, u8)]) -> Option<World> {
    let world = World::ssh().await?;
    world.program("nvidia-smi", &answers(cases));
    Some(world)
}

#[tokio::test]
async fn several_cards_are_told_with_all_their_fields() {
    let Some(world) = world(&[(&[ALL, CSV], TWO_CARDS, 0)]).await else {
        return;
    };

    let status = world.call("whisper_gpu_status", json!({})).await;

    assert_eq!(
        (&status["host"], &status["vendor"]),
        (&json!("nas"), &json!("nvidia"))
    );
    let [first, second] = &status["gpus"].as_array().unwrap()[..] else {
        panic!("two cards: {status}");
    };
    assert_eq!(first["temperature_c"], 64.0);
    assert_eq!(first["power_draw_w"], 331.2);
    assert_eq!(first["memory_used_mib"], 21034.0);
    assert_eq!(second["name"], "Tesla P4");
    assert!(second.get("power_draw_w").is_none());
    assert_eq!(
        second["unavailable"][0],
        json!({ "field": "power.draw", "says": "Not Supported" })
    );
    assert_eq!(status["warnings"], json!([]));
    assert!(status.get("processes").is_none());
}

#[tokio::test]
async fn programs_are_told_by_their_bare_name() {
    let row =
        "GPU-5f1c2d30-0000-0000-0000-000000000001, 4242, /usr/bin/python3 --token=secret, 6012";
    let Some(world) = world(&[(&[ALL, CSV], TWO_CARDS, 0), (&[APPS, CSV], row, 0)]).await else {
        return;
    };

    let status = world
        .call("whisper_gpu_status", json!({ "processes": true }))
        .await;

    assert_eq!(status["processes"][0]["program"], "python3");
    assert_eq!(status["processes"][0]["memory_mib"], 6012.0);
    assert!(!status.to_string().contains("secret"));
}

#[tokio::test]
async fn a_card_that_is_split_lists_its_instances() {
    let Some(world) = world(&[(&[ALL, CSV], SPLIT_CARD, 0), (&["-L"], SPLIT_LIST, 0)]).await else {
        return;
    };

    let status = world.call("whisper_gpu_status", json!({})).await;

    let card = &status["gpus"][0];
    assert_eq!(card["mig_mode"], "Enabled");
    assert!(card.get("utilization_percent").is_none());
    let profiles: Vec<&Value> = card["mig_devices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|device| &device["profile"])
        .collect();
    assert_eq!(profiles, [&json!("1g.6gb"), &json!("2g.12gb")]);
}

#[tokio::test]
async fn a_driver_that_does_not_know_a_field_is_asked_for_the_basic_ones() {
    let refusal = "Field \"mig.mode.current\" is not a valid field to query.";
    let row = "0, GPU-1, NVIDIA GeForce GTX 970, 51, 12, 4096, 801";
    let Some(world) = world(&[(&[ALL, CSV], refusal, 2), (&[CORE, CSV], row, 0)]).await else {
        return;
    };

    let status = world.call("whisper_gpu_status", json!({})).await;

    assert_eq!(status["gpus"][0]["utilization_percent"], 12.0);
    assert!(
        status["warnings"][0]
            .as_str()
            .unwrap()
            .contains("mig.mode.current")
    );
}

#[rstest]
#[case::driver(
    9,
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
    "driver_not_loaded"
)]
#[case::no_card(6, "No devices were found", "no_gpu")]
#[case::lost(15, "Unable to determine the device handle: GPU is lost.", "gpu_lost")]
#[case::anything_else(3, "something new", "gpu_query_failed")]
#[case::nothing_listed(0, "", "no_gpu")]
#[case::other_columns(0, "0, GPU-1", "unexpected_answer")]
#[tokio::test]
async fn each_way_to_fail_has_its_reason(
    #[case] status: u8,
    #[case] text: &str,
    #[case] expected: &str,
) {
    let Some(world) = world(&[(&[ALL, CSV], text, status)]).await else {
        return;
    };

    let error = world.fail("whisper_gpu_status", json!({})).await;

    assert_eq!(reason(&error), expected, "{error}");
}

#[tokio::test]
async fn a_host_without_any_vendors_tools_says_so() {
    let Some(world) = World::ssh().await else {
        return;
    };
    // As a shell says it that finds no such program, whatever is installed here.
    world.program("nvidia-smi", "exit 127");
    world.program("rocm-smi", "exit 127");

    let error = world.fail("whisper_gpu_status", json!({})).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotConfigured, "no_gpu_tools")
    );
}

#[tokio::test]
async fn cards_of_amd_are_told_by_their_own_tool() {
    let Some(world) = World::ssh().await else {
        return;
    };
    world.program("nvidia-smi", "exit 127");
    world.program(
        "rocm-smi",
        r#"[ "$*" = "--showproductname --showuniqueid --showuse --showmemuse --showmeminfo vram --showtemp --showpower --json" ] || exit 64
echo '{"card0": {"Card Series": "Radeon RX 6800", "GPU use (%)": "3", "Temperature (Sensor edge) (C)": "41.0"}}'"#,
    );

    let status = world.call("whisper_gpu_status", json!({})).await;

    assert_eq!(status["vendor"], "amd");
    assert_eq!(status["gpus"][0]["temperature_c"], 41.0);
}

#[tokio::test]
async fn a_tool_of_amd_that_fails_or_finds_no_card_says_so() {
    let Some(world) = World::ssh().await else {
        return;
    };
    world.program("nvidia-smi", "exit 127");

    world.program("rocm-smi", "exit 1");
    let error = world.fail("whisper_gpu_status", json!({})).await;
    assert_eq!(reason(&error), "gpu_query_failed");

    world.program("rocm-smi", "echo '{}'");
    let error = world.fail("whisper_gpu_status", json!({})).await;
    assert_eq!(reason(&error), "no_gpu");
}
