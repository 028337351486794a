"""The operators that a TorchScript program may call, by reviewed lists, and what some others do.

An operator is a name with its namespace, `aten::relu`; overloads are judged together, and
the form that ends in `_` (in place) with the form that does not. What no list holds is not
admitted: operators of other libraries, and whatever a later torch adds. Listed means that
it computes with its arguments: it opens no file and no connection, starts nothing and
changes no setting that outlives the model, but for the two named in `_LANGUAGE`. It does not mean
that torch's kernels are free of memory errors.

Reviewed against the schemas of torch 2.13 (`torch._C._jit_get_all_schemas()`).
"""

from __future__ import annotations

from functools import cache
from typing import Final

from scanner.patterns import pattern

TOUCHES_FILES: Final = "reads or writes files"
USES_NETWORK: Final = "speaks to other processes over the network"

# Values of the language: numbers, text, lists and dictionaries. `warn` and `print` write one
# line to the standard streams; `set_grad_enabled` is what `torch.no_grad()` becomes.
_LANGUAGE = """
    Bool Complex ComplexImplicit Delete Float FloatImplicit Int IntImplicit ScalarImplicit
    Size append bin capitalize center chr clear copy count degrees device dict divmod endswith
    expandtabs extend fabs factorial find floordiv fmod format gamma gcd get
    get_autocast_dtype has_torch_function hash hex insert is_autocast_cpu_enabled
    is_autocast_enabled is_grad_enabled is_scripting isalnum isalpha isdecimal isdigit
    isidentifier islower isnumeric isprintable isspace istitle isupper items join keys ldexp
    len list ljust lower lstrip mathremainder modf oct ord partition percentFormat pop popitem
    radians remove replace rfind rindex rjust rpartition rsplit rstrip set_grad_enabled
    setdefault sorted split splitlines startswith str strip swapcase title update upper values
    wait warn zfill
"""

# Mathematics on tensors. Every operator whose name begins without `_` and whose schema takes
# no text is here, but for the groups in `_REFUSED`; those that take text take the name of a
# mode (`padding`, `rounding_mode`, `interpolation`, an `einsum` equation, a norm, a driver of
# LAPACK), read one by one.
_TENSORS = """
    abs absolute acos acosh adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
    adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d add addbmm addcdiv addcmul
    addmm addmv addr adjoint affine_grid_generator alias all allclose alpha_dropout amax amin
    aminmax angle any arange arccos arccosh arcsin arcsinh arctan arctan2 arctanh argmax
    argmin argsort argwhere as_strided as_strided_scatter as_tensor asin asinh atan atan2
    atanh atleast_1d atleast_2d atleast_3d avg_pool1d avg_pool2d avg_pool3d baddbmm
    bartlett_window batch_norm bernoulli bilinear binary_cross_entropy
    binary_cross_entropy_with_logits bincount binomial bitwise_and bitwise_left_shift
    bitwise_not bitwise_or bitwise_right_shift bitwise_xor blackman_window block_diag bmm
    broadcast_shapes broadcast_tensors broadcast_to bucketize can_cast cartesian_prod cat
    cauchy cdist ceil celu chain_matmul chalf channel_shuffle cholesky cholesky_inverse
    cholesky_solve choose_qparams_optimized chunk clamp clamp_max clamp_min clip clone
    coalesce col2im column_stack combinations complex concat concatenate conj conj_physical
    constant_pad_nd contiguous conv1d conv2d conv3d conv_depthwise3d conv_tbc conv_transpose1d
    conv_transpose2d conv_transpose3d convolution copysign corrcoef cos cosh
    cosine_embedding_loss cosine_similarity count_nonzero cov cpu cross cross_entropy_loss
    ctc_loss cuda cummax cummin cumprod cumsum cumulative_trapezoid data deg2rad dense_dim
    dequantize det detach diag diag_embed diagflat diagonal diagonal_scatter diff digamma dim
    dist div divide dot dropout dsplit dstack einsum element_size elu embedding embedding_bag
    embedding_renorm empty empty_like empty_permuted empty_quantized empty_strided eq equal
    erf erfc erfinv exp exp2 expand expand_as expm1 exponential eye
    fake_quantize_per_channel_affine fake_quantize_per_channel_affine_cachemask
    fake_quantize_per_tensor_affine fake_quantize_per_tensor_affine_cachemask
    feature_alpha_dropout feature_dropout fft_fft fft_fft2 fft_fftfreq fft_fftn fft_fftshift
    fft_hfft fft_hfft2 fft_hfftn fft_ifft fft_ifft2 fft_ifftn fft_ifftshift fft_ihfft
    fft_ihfft2 fft_ihfftn fft_irfft fft_irfft2 fft_irfftn fft_rfft fft_rfft2 fft_rfftfreq
    fft_rfftn fill fill_diagonal_ fix flatten flatten_dense_tensors flip fliplr flipud
    float_power floor floor_divide fmax fmin frac fractional_max_pool2d fractional_max_pool3d
    frexp frobenius_norm full full_like fused_moving_avg_obs_fake_quant gather ge gelu
    geometric geqrf ger get_device glu gradient greater greater_equal grid_sampler
    grid_sampler_2d grid_sampler_3d group_norm gru gru_cell gt hamming_window hann_window
    hardshrink hardsigmoid hardswish hardtanh heaviside hinge_embedding_loss histc histogram
    histogramdd hsplit hspmm hstack huber_loss hypot i0 igamma igammac im2col imag index
    index_add index_copy index_fill index_put index_reduce index_select inner instance_norm
    int_repr inverse is_coalesced is_complex is_conj is_contiguous is_distributed
    is_floating_point is_inference is_leaf is_neg is_non_overlapping_and_dense is_nonzero
    is_pinned is_same_size is_set_to is_signed is_strides_like_format isclose isfinite isin
    isinf isnan isneginf isposinf isreal istft item kaiser_window kl_div kron kthvalue l1_loss
    layer_norm lcm le leaky_relu lerp less less_equal lgamma lift lift_fresh linalg__powsum
    linalg_cholesky linalg_cholesky_ex linalg_cond linalg_cross linalg_det linalg_diagonal
    linalg_eig linalg_eigh linalg_eigvals linalg_eigvalsh linalg_householder_product
    linalg_inv linalg_inv_ex linalg_ldl_factor linalg_ldl_factor_ex linalg_lstsq linalg_lu
    linalg_lu_factor linalg_lu_factor_ex linalg_matmul linalg_matrix_exp linalg_matrix_norm
    linalg_matrix_power linalg_matrix_rank linalg_multi_dot linalg_norm linalg_pinv linalg_qr
    linalg_slogdet linalg_solve linalg_solve_ex linalg_solve_triangular linalg_svd
    linalg_svdvals linalg_tensorinv linalg_tensorsolve linalg_vander linalg_vecdot
    linalg_vector_norm linear linspace log log10 log1p log2 log_normal log_sigmoid
    log_sigmoid_forward log_softmax logaddexp logaddexp2 logcumsumexp logdet logical_and
    logical_not logical_or logical_xor logit logspace logsumexp lstm lstm_cell lt lu_unpack mH
    mT margin_ranking_loss masked_fill masked_scatter masked_select matmul matrix_H matrix_exp
    matrix_power max max_pool1d max_pool1d_with_indices max_pool2d max_pool2d_with_indices
    max_pool3d max_pool3d_with_indices max_unpool2d max_unpool3d maximum mean median meshgrid
    min minimum mish mm mode moveaxis movedim mse_loss msort mul multi_margin_loss
    multilabel_margin_loss multilabel_margin_loss_forward multinomial multiply mv mvlgamma
    nan_to_num nanmean nanmedian nanquantile nansum narrow native_batch_norm
    native_channel_shuffle native_dropout native_group_norm native_layer_norm native_norm ne
    neg negative nested_to_padded_tensor new_empty new_empty_strided new_full new_ones
    new_zeros nextafter nll_loss nll_loss2d nll_loss2d_forward nll_loss_forward nll_loss_nd
    nonzero nonzero_numpy nonzero_static norm norm_except_dim normal normal_functional
    not_equal nuclear_norm numel numpy_T one_hot ones ones_like orgqr ormqr outer output_nr
    pad pad_sequence pairwise_distance pdist permute pin_memory pinverse pixel_shuffle
    pixel_unshuffle poisson poisson_nll_loss polar polygamma positive pow prelu prod
    promote_types put q_per_channel_axis q_per_channel_scales q_per_channel_zero_points
    q_scale q_zero_point qr qscheme quantile quantize_per_channel quantize_per_tensor
    quantize_per_tensor_dynamic quantized_batch_norm quantized_gru quantized_lstm
    quantized_max_pool1d quantized_max_pool2d quantized_max_pool3d rad2deg rand rand_like
    randint randint_like randn randn_like random randperm range ravel real reciprocal
    reflection_pad1d reflection_pad2d reflection_pad3d relu relu6 remainder renorm repeat
    repeat_interleave replication_pad1d replication_pad2d replication_pad3d reshape reshape_as
    resize resize_as resolve_conj resolve_neg result_type reverse rms_norm rnn_relu
    rnn_relu_cell rnn_tanh rnn_tanh_cell roll rot90 round row_stack rrelu rrelu_with_noise
    rrelu_with_noise_functional rsqrt rsub scalar_tensor scaled_dot_product_attention scatter
    scatter_add scatter_reduce searchsorted select select_scatter selu sgn sigmoid sign
    signbit silu sin sinc sinh size slice slice_scatter slogdet smm smooth_l1_loss
    soft_margin_loss softmax softplus softshrink sort sparse_dim sparse_mask
    sparse_sampled_addmm special_airy_ai special_bessel_j0 special_bessel_j1 special_bessel_y0
    special_bessel_y1 special_chebyshev_polynomial_t special_chebyshev_polynomial_u
    special_chebyshev_polynomial_v special_chebyshev_polynomial_w special_digamma special_entr
    special_erf special_erfc special_erfcx special_erfinv special_exp2 special_expit
    special_expm1 special_gammainc special_gammaincc special_gammaln
    special_hermite_polynomial_h special_hermite_polynomial_he special_i0 special_i0e
    special_i1 special_i1e special_laguerre_polynomial_l special_legendre_polynomial_p
    special_log1p special_log_ndtr special_log_softmax special_logit special_logsumexp
    special_modified_bessel_i0 special_modified_bessel_i1 special_modified_bessel_k0
    special_modified_bessel_k1 special_multigammaln special_ndtr special_ndtri
    special_polygamma special_psi special_round special_scaled_modified_bessel_k0
    special_scaled_modified_bessel_k1 special_shifted_chebyshev_polynomial_t
    special_shifted_chebyshev_polynomial_u special_shifted_chebyshev_polynomial_v
    special_shifted_chebyshev_polynomial_w special_sinc special_softmax
    special_spherical_bessel_j0 special_xlog1py special_xlogy special_zeta split_with_sizes
    sqrt square squeeze sspaddmm stack std std_mean stft storage_offset stride sub subtract
    sum sum_to_size svd swapaxes swapdims t take take_along_dim tan tanh tensor tensor_split
    tensordot threshold tile to to_dense to_mkldnn to_padded_tensor to_sparse to_sparse_bsc
    to_sparse_bsr to_sparse_csc to_sparse_csr topk trace transpose trapezoid trapz
    triangular_solve tril tril_indices triplet_margin_loss triu triu_indices true_divide trunc
    type_as unbind unflatten unflatten_dense_tensors unfold uniform unique_consecutive
    unique_dim unique_dim_consecutive unsqueeze upsample_bicubic2d upsample_bilinear2d
    upsample_linear1d upsample_nearest1d upsample_nearest2d upsample_nearest3d
    upsample_trilinear3d vander var var_mean vdot view view_as view_as_complex view_as_real
    vsplit vstack where xlogy zero zeros zeros_like
"""

# Names with `_` in front are torch's internals, of which many trust indices and sizes. These
# are the ones that scripting and tracing of torch's own modules write; each checks its arguments
# or is the kernel of a public operator of the same signature.
_INTERNAL = """
    __and__ __contains__ __derive_index __getitem__ __iand__ __ilshift__ __interpolate __ior__
    __irshift__ __is__ __isnot__ __ixor__ __lshift__ __not__ __or__ __range_length
    __round_to_zero_floordiv __rshift__ __upsample __upsample_bilinear __upsample_nearest
    __xor__ _adaptive_avg_pool2d _adaptive_avg_pool3d _add_relu _addmm_activation _aminmax
    _assert_tensor_metadata _batch_norm_impl_index _cast_Byte _cast_Char _cast_Double
    _cast_Float _cast_Half _cast_Int _cast_Long _cast_Short _conj _conj_physical _convolution
    _convolution_mode _ctc_loss _dim_arange _embedding_bag _euclidean_dist _fft_c2c _fft_c2r
    _fft_r2c _get_tracing_state _grad_sum_to_size _infer_size _is_all_true _is_any_true
    _linalg_det _linalg_eigh _linalg_slogdet _linalg_svd _list_to_tensor _local_scalar_dense
    _log_softmax _logcumsumexp _masked_softmax _native_multi_head_attention _ncf_unsqueeze
    _nested_from_padded _nested_tensor_from_mask _nested_tensor_from_mask_left_aligned
    _pack_padded_sequence _pack_sequence _pad_circular _pad_enum _pad_packed_sequence
    _reshape_from_tensor _safe_softmax _sample_dirichlet _scaled_dot_product_attention_math
    _set_item _shape_as_tensor _size_if_not_equal _softmax _sparse_log_softmax _sparse_mm
    _sparse_softmax _sparse_sum _stack _standard_gamma _tensor_to_list _to_copy
    _transformer_encoder_layer_fwd _transform_bias_rescale_qkv _trilinear _unique _unique2
    _unwrap_optional _upsample_bicubic2d_aa _upsample_bilinear2d_aa _upsample_lanczos2d_aa
    _upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d
    _weight_norm _weight_norm_interface
"""

# What the language says with `ops.prim`: properties of a tensor, conversions, exceptions.
# oneDNN's constants and convolution are what `torch.jit.optimize_for_inference` writes.
_PRIM = """
    abs AutogradZero ConstantMKLDNNTensor data device dtype EnumName EnumValue grad index
    is_cpu is_cuda is_ipu is_maia is_meta is_mkldnn is_mps is_mtia is_nested is_quantized
    is_sparse is_sparse_csr is_vulkan is_xla is_xpu itemsize layout max min mkldnn_convolution
    MKLDNNHardSigmoid MKLDNNHardSigmoid_ MKLDNNHardSwish MKLDNNHardSwish_ MKLDNNHardTanh
    MKLDNNHardTanh_ MKLDNNLayerNorm MKLDNNLayerNorm_ MKLDNNScalarMul MKLDNNScalarMul_
    name nbytes NumToTensor Print RaiseException rangelist requires_grad StringIndex tolist
    TupleIndex TupleUnpack type unchecked_cast unchecked_unwrap_optional Uninitialized
"""

# Quantised arithmetic and the packing of its weights: torch's own library, all of its names but
# `make_quantized_cell_params` without suffix, which takes packed weights on trust.
_QUANTIZED = """
    add add_out add_relu add_relu_out add_scalar add_scalar_out add_scalar_relu
    add_scalar_relu_out batch_norm batch_norm1d batch_norm1d_relu batch_norm2d batch_norm2d_relu
    batch_norm3d batch_norm3d_relu batch_norm_relu cat cat_out cat_relu cat_relu_out celu clamp
    conv1d conv1d_dynamic conv1d_prepack conv1d_relu conv1d_unpack conv2d conv2d_add
    conv2d_add_relu conv2d_dilation conv2d_dynamic conv2d_groups conv2d_output_padding
    conv2d_padding conv2d_prepack conv2d_relu conv2d_stride conv2d_transpose conv2d_unpack
    conv2d_unpack_sizes conv3d conv3d_dilation conv3d_dynamic conv3d_groups
    conv3d_output_padding conv3d_padding conv3d_prepack conv3d_relu conv3d_stride
    conv3d_transpose conv3d_unpack conv_prepack conv_transpose1d conv_transpose1d_dynamic
    conv_transpose1d_prepack conv_transpose1d_unpack conv_transpose2d conv_transpose2d_dilation
    conv_transpose2d_dynamic conv_transpose2d_groups conv_transpose2d_output_padding
    conv_transpose2d_padding conv_transpose2d_prepack conv_transpose2d_stride
    conv_transpose2d_transpose conv_transpose2d_unpack conv_transpose3d
    conv_transpose3d_dilation conv_transpose3d_dynamic conv_transpose3d_groups
    conv_transpose3d_output_padding conv_transpose3d_padding conv_transpose3d_prepack
    conv_transpose3d_stride conv_transpose3d_transpose conv_transpose3d_unpack conv_unpack
    dropout elu embedding_4bit embedding_bag_2bit_prepack embedding_bag_2bit_rowwise_offsets
    embedding_bag_2bit_unpack embedding_bag_4bit embedding_bag_4bit_prepack
    embedding_bag_4bit_rowwise_offsets embedding_bag_4bit_unpack embedding_bag_byte
    embedding_bag_byte_prepack embedding_bag_byte_rowwise_offsets embedding_bag_byte_unpack
    embedding_bag_prepack embedding_bag_unpack embedding_byte group_norm hardswish
    instance_norm layer_norm leaky_relu linear linear_dynamic linear_dynamic_fp16
    linear_dynamic_fp16_unpacked_weight linear_leaky_relu linear_prepack linear_prepack_fp16
    linear_relu linear_relu_dynamic linear_relu_dynamic_fp16 linear_tanh linear_unpack
    linear_unpack_fp16 make_quantized_cell_params_dynamic make_quantized_cell_params_fp16
    matmul max_pool1d max_pool2d mul mul_out mul_relu mul_relu_out mul_scalar mul_scalar_out
    mul_scalar_relu mul_scalar_relu_out prelu quantized_gru_cell_dynamic
    quantized_lstm_cell_dynamic quantized_rnn_relu_cell_dynamic quantized_rnn_tanh_cell_dynamic
    relu6 sigmoid softmax threshold
"""

_LISTED: Final = {
    "aten": f"{_LANGUAGE} {_TENSORS} {_INTERNAL}",
    "prim": _PRIM,
    "quantized": _QUANTIZED,
    # Quantised linear layers with sparse weights.
    "sparse": "qlinear qlinear_dynamic qlinear_prepack qlinear_relu qlinear_relu_dynamic "
    "qlinear_unpack",
    # XNNPACK's layers, into which `torch.utils.mobile_optimizer` rewrites a model.
    "prepacked": "conv2d_clamp_prepack conv2d_clamp_run conv2d_transpose_clamp_prepack "
    "conv2d_transpose_clamp_run linear_clamp_prepack linear_clamp_run",
    # The marks that `torch.profiler.record_function` leaves.
    "profiler": "_record_function_enter _record_function_enter_new _record_function_exit",
    # What detection models call; the readers and writers of images are in `_EFFECTS`.
    "torchvision": "nms roi_align roi_pool ps_roi_align ps_roi_pool deform_conv2d",
}

_EFFECTS: Final = {
    TOUCHES_FILES: """aten::from_file aten::save debugprims::load_tensor
        image::read_file image::write_file torchvision::read_file torchvision::write_file
        torchaudio::sox_io_load_audio_file torchaudio::sox_io_save_audio_file
        torchaudio::sox_effects_apply_effects_file torchtext::sentencepiece_load_model""",
    USES_NETWORK: """prim::rpc_async prim::rpc_remote prim::rpc_sync aten::to_here""",
}

_REFUSED: Final = {
    "a setting that outlives the model": "aten::manual_seed aten::seed aten::initial_seed "
    "aten::Generator aten::record_stream aten::is_vulkan_available",
    "it takes indices, sizes or pointers on trust": """aten::sparse_bsc_tensor
        aten::sparse_bsr_tensor aten::sparse_compressed_tensor aten::sparse_coo_tensor
        aten::sparse_csc_tensor aten::sparse_csr_tensor aten::sparse_resize
        aten::sparse_resize_and_clear aten::resize_as_sparse aten::copy_sparse_to_sparse
        aten::indices aten::crow_indices aten::col_indices aten::ccol_indices
        aten::row_indices aten::segment_reduce aten::lu_solve aten::linalg_lu_solve
        aten::linalg_ldl_solve aten::set aten::slice_inverse
        aten::fbgemm_linear_fp16_weight aten::fbgemm_linear_fp16_weight_fp32_activation
        aten::fbgemm_linear_int8_weight aten::fbgemm_linear_int8_weight_fp32_activation
        aten::fbgemm_linear_quantize_weight aten::fbgemm_pack_gemm_matrix_fp16
        aten::fbgemm_pack_quantized_matrix aten::quantized_gru_cell aten::quantized_lstm_cell
        aten::quantized_rnn_relu_cell aten::quantized_rnn_tanh_cell
        aten::batch_norm_elemt aten::batch_norm_gather_stats
        aten::batch_norm_gather_stats_with_counts aten::batch_norm_stats
        aten::batch_norm_update_stats aten::convolution_overrideable""",
    "it belongs to training": "aten::backward aten::get_gradients aten::retain_grad "
    "aten::retains_grad aten::grad aten::requires_grad_ aten::set_data",
    "it asks other processes": "aten::local_value aten::owner aten::owner_name aten::is_owner "
    "aten::confirmed_by_owner",
    "a part of torch's compiler": "aten::hash_tensor aten::alias_copy",
}
_REFUSED_BY_FORM: Final = {
    "a derivative, which takes what the forward pass saved on trust": pattern(
        r"aten::\w*(?:_backward\w*|_jvp)_?"
    ),
    "a kernel of one backend": pattern(r"aten::(?:cudnn|miopen|mkldnn|mps|slow_conv|thnn)_?\w*"),
    "a part of torch's compiler": pattern(r"aten::(?:sym_\w+|unsafe_\w+|(?!index_copy)\w+_copy)"),
    "an internal of torch's": pattern(r"aten::_\w+"),
}

CUSTOM: Final = "__torch__.torch.classes."
"""What the names of classes written in C++ begin with."""
CLASSES: Final = frozenset(
    """quantized.LinearPackedParamsBase quantized.Conv2dPackedParamsBase
    quantized.Conv3dPackedParamsBase quantized.EmbeddingPackedParamsBase rnn.CellParamsBase
    sparse.LinearPackedParamsBase xnnpack.LinearOpContext xnnpack.Conv2dOpContext
    xnnpack.TransposeConv2dOpContext profiler._RecordFunction""".split()  # noqa: SIM905
)
"""Those of them whose state is packed weights, or a mark of the profiler."""

_LOAD: Final = frozenset(
    """aten::__contains__ aten::__getitem__ aten::__is__ aten::__isnot__ aten::__not__
    aten::_unwrap_optional aten::append aten::device aten::dim aten::eq aten::extend
    aten::format aten::ge aten::gt aten::is_floating_point aten::le aten::len aten::list
    aten::lt aten::ne aten::size aten::sub aten::warn
    prim::device prim::dtype prim::NumToTensor prim::RaiseException prim::TupleIndex
    prim::TupleUnpack prim::unchecked_cast prim::unchecked_unwrap_optional
    prim::Uninitialized quantized::conv1d_prepack quantized::conv2d_prepack
    quantized::conv3d_prepack quantized::conv_transpose1d_prepack
    quantized::conv_transpose2d_prepack quantized::conv_transpose3d_prepack
    quantized::embedding_bag_prepack quantized::linear_prepack quantized::linear_prepack_fp16
    quantized::make_quantized_cell_params_dynamic quantized::make_quantized_cell_params_fp16
    sparse::qlinear_prepack""".split()  # noqa: SIM905
)


@cache
def listed() -> frozenset[str]:
    """Every admitted operator, as `namespace::name`."""
    return frozenset(
        f"{space}::{name}" for space, names in _LISTED.items() for name in names.split()
    )


@cache
def _effects() -> dict[str, str]:
    return {name: what for what, names in _EFFECTS.items() for name in names.split()}


def admitted(operator: str) -> bool:
    """Whether a list holds it, or the form of which it is the one in place."""
    return operator in listed() or (
        operator.endswith("_") and not operator.endswith("__") and operator[:-1] in listed()
    )


def admitted_at_load(operator: str) -> bool:
    """Whether it may run while a file is loaded: its work is bounded by what the file holds."""
    return operator in _LOAD


def effect(operator: str) -> str | None:
    """What an operator is known to do to the world, in words that follow its name."""
    return _effects().get(operator)


def objection(operator: str) -> str | None:
    """Why an operator is not admitted, or None when a list holds it."""
    if admitted(operator):
        return None
    return effect(operator) or reason(operator) or "an operator that no list admits"


def reason(operator: str) -> str | None:
    """Why a reviewed operator was left off the lists, None for one that was not reviewed."""
    plain = operator.removesuffix("_")
    for why, names in _REFUSED.items():
        if {operator, plain} & set(names.split()):
            return why
    for why, form in _REFUSED_BY_FORM.items():
        if form.fullmatch(operator):
            return why
    return None
