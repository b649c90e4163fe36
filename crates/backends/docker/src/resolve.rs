//! Finds the container, image, network or volume that a caller means, and says what is alike where
//! there is none.

use homelab_backend::settings::nearest;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::Target;

use crate::client::Engine;
use crate::reference::{Reference, is_id};
use crate::types::{ImageInspect, ImageSummary, Network, Summary, Texts, Volume};

/// Names that are listed in a hint.
const MOST_NAMES: usize = 8;
/// Digits of an id that people write.
const SHORT_ID: usize = 12;

/// The beginning of an id, without `sha256:`.
pub(crate) fn short(id: &str) -> String {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    digits.get(..SHORT_ID).unwrap_or(digits).to_owned()
}

/// The container of this name or id, or whose id begins with it.
///
/// # Errors
/// `not_found` with what is alike; `conflict` where several ids begin so.
pub(crate) async fn container(engine: &Engine, wanted: &str) -> ToolResult<Summary> {
    let mut all = engine.containers(false).await?;
    let index = pick(&all, wanted, &engine.name)?;
    Ok(all.swap_remove(index))
}

/// The same among containers that are known already.
pub(crate) fn pick(all: &[Summary], wanted: &str, host: &str) -> ToolResult<usize> {
    let name = wanted.trim_start_matches('/');
    if let Some(index) = all
        .iter()
        .position(|one| one.name() == name || one.id == wanted)
    {
        return Ok(index);
    }
    let starts =
        |one: &Summary| wanted.len() >= 2 && one.id.starts_with(&wanted.to_ascii_lowercase());
    let found: Vec<usize> = (0..all.len())
        .filter(|index| all.get(*index).is_some_and(starts))
        .collect();
    match found[..] {
        [index] => Ok(index),
        [] => {
            let names: Vec<String> = all.iter().map(|one| one.name().to_owned()).collect();
            Err(ToolError::not_found(format!(
                "no container `{wanted}` on the Docker host `{host}`"
            ))
            .field("container")
            .hint(alike(name, &names, "call `list_containers` to see them")))
        }
        _ => {
            let names: Vec<String> = found
                .iter()
                .filter_map(|index| all.get(*index))
                .take(MOST_NAMES)
                .map(|one| format!("`{}` ({})", one.name(), short(&one.id)))
                .collect();
            let text =
                format!("several containers on `{host}` have ids that begin with `{wanted}`");
            Err(ToolError::new(Code::Conflict, text)
                .reason("ambiguous_container")
                .field("container")
                .hint(format!("name one: {}", names.join(", "))))
        }
    }
}

/// The image of this name, id or beginning of an id.
///
/// # Errors
/// `not_found` with what is alike; `invalid_argument` where it is neither name nor id.
pub(crate) async fn image(engine: &Engine, wanted: &str) -> ToolResult<ImageInspect> {
    if !is_id(wanted) {
        Reference::parse(wanted).map_err(|problem| ToolError::invalid("image", problem))?;
    }
    match engine.image(wanted).await {
        Ok(image) => Ok(image),
        Err(error) if error.status() == Some(404) => {
            let tags: Vec<String> = engine
                .images(false)
                .await?
                .iter()
                .flat_map(ImageSummary::tags)
                .collect();
            let text = format!("no image `{wanted}` on the Docker host `{}`", engine.name);
            Err(ToolError::not_found(text).field("image").hint(alike(
                wanted,
                &tags,
                "call `list_images` to see them, or `pull_image` to fetch it",
            )))
        }
        Err(error) => Err(error.into()),
    }
}

/// The network of this name or id, or whose id begins with it.
///
/// # Errors
/// `not_found` with what is alike; `conflict` where several have the name.
pub(crate) async fn network(engine: &Engine, wanted: &str) -> ToolResult<Network> {
    let all = engine.networks().await?;
    let named: Vec<&Network> = all
        .iter()
        .filter(|one| one.name == wanted || one.id == wanted)
        .collect();
    let starts = |one: &&Network| wanted.len() >= 4 && one.id.starts_with(wanted);
    let found = if named.is_empty() {
        all.iter().filter(starts).collect()
    } else {
        named
    };
    match found[..] {
        [one] => Ok(one.clone()),
        [] => {
            let names: Vec<String> = all.iter().map(|one| one.name.clone()).collect();
            let text = format!("no network `{wanted}` on the Docker host `{}`", engine.name);
            Err(ToolError::not_found(text).field("network").hint(alike(
                wanted,
                &names,
                "call `list_networks` to see them",
            )))
        }
        _ => {
            let ids: Vec<String> = found
                .iter()
                .take(MOST_NAMES)
                .map(|one| short(&one.id))
                .collect();
            let text = format!(
                "several networks on `{}` are called `{wanted}`",
                engine.name
            );
            Err(ToolError::new(Code::Conflict, text)
                .reason("ambiguous_network")
                .field("network")
                .hint(format!("name one by its id: `{}`", ids.join("`, `"))))
        }
    }
}

/// The volume of this name.
///
/// # Errors
/// `not_found` with what is alike.
pub(crate) async fn volume(engine: &Engine, wanted: &str) -> ToolResult<Volume> {
    let all = engine.volumes().await?;
    if let Some(volume) = all.iter().find(|one| one.name == wanted) {
        return Ok(volume.clone());
    }
    let names: Vec<String> = all.into_iter().map(|one| one.name).collect();
    let text = format!("no volume `{wanted}` on the Docker host `{}`", engine.name);
    Err(ToolError::not_found(text).field("volume").hint(alike(
        wanted,
        &names,
        "call `list_volumes` to see them",
    )))
}

/// What a call touches, for rules about protected objects; labels are its tags.
pub(crate) fn target(kind: &str, id: &str, name: Option<&str>, labels: &Texts) -> Target {
    let tag = |(name, value): (&String, &String)| match value.as_str() {
        "" => name.clone(),
        value => format!("{name}={value}"),
    };
    Target {
        kind: kind.to_owned(),
        id: id.to_owned(),
        name: name.map(str::to_owned),
        tags: labels.iter().map(tag).collect(),
    }
}

/// A container as a target.
pub(crate) fn container_target(container: &Summary) -> Target {
    target(
        "container",
        &container.id,
        Some(container.name()),
        &container.labels,
    )
}

fn alike(wanted: &str, names: &[String], otherwise: &str) -> String {
    let wanted = wanted.to_lowercase();
    let contains = |name: &&String| {
        let name = name.to_lowercase();
        wanted.len() >= 3 && (name.contains(&wanted) || wanted.contains(&name))
    };
    let mut found: Vec<&String> = names.iter().filter(contains).collect();
    if let Some(near) = nearest(&wanted, names)
        && let Some(near) = names.iter().find(|name| **name == near)
        && !found.contains(&near)
    {
        found.insert(0, near);
    }
    if found.is_empty() {
        return otherwise.to_owned();
    }
    let found: Vec<String> = found
        .into_iter()
        .take(MOST_NAMES)
        .map(|name| format!("`{name}`"))
        .collect();
    format!("did you mean {}?", found.join(" or "))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn containers() -> Vec<Summary> {
        let one = |id: &str, name: &str| Summary {
            id: id.repeat(16),
            names: vec![format!("/other/{name}"), format!("/{name}")],
            ..Summary::default()
        };
        vec![one("ab12", "web"), one("ab34", "web-db"), one("cd56", "ab")]
    }

    #[rstest]
    #[case("web", 0)]
    #[case("/web", 0)]
    #[case("ab1", 0)]
    #[case("AB34", 1)]
    #[case("cd", 2)]
    // A name wins over the beginning of an id.
    #[case("ab", 2)]
    fn a_container_is_found_by_name_id_and_beginning_of_an_id(
        #[case] wanted: &str,
        #[case] index: usize,
    ) {
        assert_eq!(pick(&containers(), wanted, "local"), Ok(index));
    }

    #[test]
    fn several_beginnings_are_listed_and_names_that_are_alike_are_offered() {
        let mut several = containers();
        several.pop();
        let ambiguous = pick(&several, "ab", "local").unwrap_err();
        let missing = pick(&several, "wbe", "local").unwrap_err();

        assert_eq!(
            ambiguous.envelope().reason.as_deref(),
            Some("ambiguous_container")
        );
        let hint = ambiguous.envelope().hint.clone().unwrap();
        assert!(
            hint.contains("`web` (ab12ab12ab12)") && hint.contains("`web-db`"),
            "{hint}"
        );
        assert_eq!(
            missing.envelope().hint.as_deref(),
            Some("did you mean `web`?")
        );
    }

    #[test]
    fn names_are_never_matched_in_their_middle() {
        assert_eq!(
            pick(&containers(), "eb", "local").unwrap_err().code(),
            Code::NotFound
        );
    }
}
