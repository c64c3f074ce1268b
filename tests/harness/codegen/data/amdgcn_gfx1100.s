	.amdgcn_target "amdgpu11.00-amd-amdhsa-unknown-gfx1100"
	.amdhsa_code_object_version 5
	.text
layer_norm_backward_rows:               ; @layer_norm_backward_rows
.Lfunc_begin0:
	.file	1 "." "ln_rows.py"
	buffer_load_b128 v[17:20], v1, s[28:31], 0 offen
	buffer_load_b128 v[17:20], v2, s[28:31], 0 offen
	scratch_load_b32 v0, off, off offset:868 ; 4-byte Folded Reload
	scratch_store_b128 off, v[69:72], off offset:4 ; 16-byte Folded Spill
	scratch_store_b128 off, v[69:72], off offset:20 ; 16-byte Folded Spill
	scratch_store_b32 off, v1, off offset:880 ; 4-byte Folded Spill
	s_barrier
	scratch_store_b128 off, v[69:72], off offset:4 ; 16-byte Folded Spill
	scratch_store_b128 off, v[69:72], off offset:20 ; 16-byte Folded Spill
.Lfunc_end0:
; Kernel info:
; codeLenInByte = 10348
; TotalNumSgprs: 50
; NumVgprs: 256
; ScratchSize: 888
; Occupancy: 5
	.amdgpu_metadata
---
amdhsa.kernels:
  - .args:
    .group_segment_fixed_size: 0
    .kernarg_segment_align: 8
    .kernarg_segment_size: 96
    .max_flat_workgroup_size: 128
    .name:           layer_norm_backward_rows
    .private_segment_fixed_size: 888
    .sgpr_count:     50
    .sgpr_spill_count: 0
    .symbol:         layer_norm_backward_rows.kd
    .uniform_work_group_size: 1
    .uses_dynamic_stack: false
    .vgpr_count:     256
    .vgpr_spill_count: 237
    .wavefront_size: 32
    .workgroup_processor_mode: 1
amdhsa.target:   amdgpu11.00-amd-amdhsa-unknown-gfx1100
amdhsa.version:
  - 1
  - 2
...

	.end_amdgpu_metadata
