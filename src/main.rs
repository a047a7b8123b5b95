//! Mounts the browser app; in a worker it does nothing and waits to be called.

fn main() {
    coreml_planner::ui::start();
}
