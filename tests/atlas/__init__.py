"""What the codegen atlas compiles of this package: `layer_norm.configurations`, named in constraints/cells.toml."""
