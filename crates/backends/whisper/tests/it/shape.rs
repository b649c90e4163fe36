use homelab_backend::shape::{faults, listing, outputs, rules};
use homelab_backend_whisper::kind;
use homelab_core::server::aggregated_name;
use homelab_core::tool::Effect;

/// Bytes of the whole listing as it is sent; about four make a token.
const LISTING_BUDGET: usize = 16_000;

#[test]
fn every_tool_keeps_the_rules() {
    assert_eq!(faults(&kind()), [""; 0]);
}

#[test]
fn the_names_of_the_first_server_are_kept_at_both_doors() {
    let names: Vec<(String, String)> = kind()
        .catalogue()
        .iter()
        .map(|info| {
            let aggregated = aggregated_name("whisper", &info.spec);
            (info.spec.name.to_owned(), aggregated)
        })
        .collect();

    for name in [
        "whisper_ssh_command",
        "ollama_list_models",
        "ollama_pull_model",
        "ollama_delete_model",
        "whisper_gpu_status",
        "whisper_read_file",
        "whisper_write_file",
    ] {
        let both = (name.to_owned(), name.to_owned());
        assert!(names.contains(&both), "{name} is not in {names:?}");
    }
    let status = ("host_status".to_owned(), "whisper_host_status".to_owned());
    assert!(names.contains(&status), "{names:?}");
}

#[test]
fn the_listing_is_as_reviewed() {
    insta::assert_json_snapshot!(listing(&kind()));
}

#[test]
fn results_have_the_reviewed_form() {
    insta::assert_json_snapshot!(outputs(&kind()));
}

#[test]
fn permissions_and_effects_are_as_reviewed() {
    insta::assert_snapshot!(rules(&kind()));
}

#[test]
fn the_listing_stays_within_its_budget() {
    let bytes = listing(&kind()).to_string().len();

    assert!(bytes < LISTING_BUDGET, "{bytes} bytes");
}

#[test]
fn whatever_destroys_can_be_looked_at_first() {
    for info in kind().catalogue() {
        let spec = info.spec;
        let mild = spec.effect < Effect::Destructive;
        assert_eq!(spec.annotations().destructive, !mild, "{}", spec.name);
    }
}

#[test]
fn the_configuration_is_documented() {
    insta::assert_json_snapshot!(kind().config_schema());
}
