//! The Docker engine of the tests' own.

use homelab_testkit::DockerEngine;

#[test]
fn an_engine_runs_containers_keeps_its_data_and_leaves_nothing_behind() {
    let Some(engine) = DockerEngine::start().unwrap() else {
        return;
    };
    let folder = engine.socket().parent().unwrap().to_owned();

    let said = engine
        .cli(&["run", "--name", "one", DockerEngine::IMAGE, "echo", "hello"])
        .unwrap();
    engine.stop().unwrap();
    let stopped = engine.cli(&["version"]);
    engine.restart().unwrap();
    let kept = engine
        .cli(&["ps", "--all", "--format", "{{.Names}}"])
        .unwrap();
    drop(engine);

    assert_eq!(said, "hello\n");
    assert!(stopped.is_err());
    assert_eq!(kept, "one\n");
    assert!(!folder.exists());
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(folder.to_str().unwrap()));
}

#[test]
fn a_registry_goes_with_it_that_needs_no_tls() {
    let Some(engine) = DockerEngine::shared() else {
        return;
    };
    let name = format!("{}/testkit/image:1", DockerEngine::REGISTRY);

    engine.cli(&["tag", DockerEngine::IMAGE, &name]).unwrap();
    engine.cli(&["push", &name]).unwrap();
    engine.cli(&["rmi", &name]).unwrap();
    engine.cli(&["pull", &name]).unwrap();
}
