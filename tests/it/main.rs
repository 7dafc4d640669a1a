//! The theorems and oracles, as one binary: `cargo test --test it`, or a part of it by the name of its
//! module, `cargo test --test it dual_oracle -- --nocapture`.

mod cloud;
mod counted;
mod oracle;
mod property;

mod arc_cosine_oracle;
mod bad_input;
mod both_at_once;
mod conjugate_gradients;
mod deep_recursion_oracle;
mod diffusion;
mod dual_oracle;
mod dual_theorems;
mod dynamics;
mod edges;
mod edges_of_depth;
mod ensembles;
mod entry_scope;
mod finite_networks;
mod finite_training;
mod flow_oracle;
mod gradients;
mod house;
mod inference;
mod joint_laws;
mod kernel_oracle;
mod kernel_theorems;
mod mean_field;
mod network_theorems;
mod normals;
mod one_network;
mod particles;
mod propagation;
mod quadrature_oracle;
mod quadrature_theorems;
mod reproducibility;
mod routes_to_infinity;
mod samplers_are_equal_in_law;
mod sweeps;
mod tangent_flow;
mod width_and_depth_commute;
