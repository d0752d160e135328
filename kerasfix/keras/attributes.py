"""The public attributes of Keras' own that a layer or a model has: names that are not free."""

from __future__ import annotations

from typing import Final

# Of Keras 3.15.1 and Keras 2.21.0 together; `tests/keras` compares them with the Keras that is installed.
_TAKEN: Final = """
    activity_regularizer add_loss add_metric add_update add_variable add_weight autocast
    autotune_steps_per_execution build build_from_config built call call_signature_parameters compile
    compile_from_config compiled compiled_loss compiled_metrics compute_dtype compute_loss compute_mask
    compute_metrics compute_output_shape compute_output_signature compute_output_spec count_params
    distribute_reduction_method distribute_strategy dtype dtype_policy dynamic evaluate evaluate_generator
    export finalize_state fit fit_generator from_config get_build_config get_compile_config get_config
    get_input_at get_input_mask_at get_input_shape_at get_layer get_metrics_result get_output_at
    get_output_mask_at get_output_shape_at get_quantization_layer_structure get_state_tree get_weight_paths
    get_weights history inbound_nodes input input_dtype input_mask input_names input_shape input_spec inputs
    jit_compile layers load_own_variables load_weights loss losses make_predict_function make_test_function
    make_train_function metrics metrics_names metrics_variables name name_scope non_trainable_variables
    non_trainable_weights optimizer outbound_nodes output output_mask output_names output_shape outputs path
    predict predict_function predict_generator predict_on_batch predict_step quantization_mode quantize
    quantized_build quantized_call rematerialized_call reset_metrics reset_states run_eagerly save
    save_own_variables save_spec save_weights set_state_tree set_weights state_updates stateful
    stateless_call stateless_compute_loss steps_per_execution stop_training submodules summary supports_jit
    supports_masking symbolic_call test_function test_on_batch test_step to_json to_yaml train_function
    train_on_batch train_step train_tf_function trainable trainable_variables trainable_weights
    unrolled_steps_per_execution updates variable_dtype variables weights with_name_scope
"""
TAKEN: Final = frozenset(_TAKEN.split())
