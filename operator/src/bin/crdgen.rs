//! Prints the custom resource definition as the chart carries it.

fn main() -> anyhow::Result<()> {
    print!("{}", quorate_operator::crd::definition()?);
    Ok(())
}
