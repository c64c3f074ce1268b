	.amdgcn_target "amdgcn-amd-amdhsa--gfx90a"
	.amdhsa_code_object_version 5
	.text
mixed:                                  ; @mixed
.Lfunc_begin0:
	.cfi_sections .debug_frame
	buffer_load_dwordx2 v[4:5], v6, s[0:3], 0 offen
	buffer_load_dwordx2 v[2:3], v7, s[0:3], 0 offen
	v_cvt_f64_f32_e32 v[12:13], v11
	v_cvt_f64_f32_e32 v[14:15], v14
	v_fmac_f64_e32 v[8:9], 0x3ff80000, v[12:13]
	s_barrier
	buffer_store_dwordx2 v[4:5], v1, s[8:11], 0 offen
	.loc	1 6 0 prologue_end              ; recorded.py:6:0
.Lfunc_end0:
; Kernel info:
; codeLenInByte = 1236
; TotalNumSgprs: 20
; NumVgprs: 18
; NumAgprs: 0
; TotalNumVgprs: 18
; ScratchSize: 0
; Occupancy: 8
	.amdgpu_metadata
---
amdhsa.kernels:
  - .agpr_count:     0
    .args:
    .group_segment_fixed_size: 0
    .kernarg_segment_align: 8
    .kernarg_segment_size: 40
    .max_flat_workgroup_size: 256
    .name:           mixed
    .private_segment_fixed_size: 0
    .sgpr_count:     20
    .sgpr_spill_count: 0
    .symbol:         mixed.kd
    .uniform_work_group_size: 1
    .uses_dynamic_stack: false
    .vgpr_count:     18
    .vgpr_spill_count: 0
    .wavefront_size: 64
amdhsa.target:   amdgcn-amd-amdhsa--gfx90a
amdhsa.version:
  - 1
  - 2
...

	.end_amdgpu_metadata
