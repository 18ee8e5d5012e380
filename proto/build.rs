//! Compiles the .proto files without protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = ["log.proto", "peer.proto", "admin.proto"];
    let descriptors = protox::compile(files, ["."])?;
    tonic_prost_build::configure()
        .bytes(".")
        .compile_fds(descriptors)?;
    for file in files {
        println!("cargo:rerun-if-changed={file}");
    }
    Ok(())
}
