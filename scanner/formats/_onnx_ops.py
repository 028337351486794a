"""Operators of ONNX's own domains, and of those that ONNX Runtime has built in.

Whoever runs a model may register a library's operators under any domain, the default one too. So
an operator that no release of ONNX or of its runtime defines needs such a library.

Source: `onnx.defs` of ONNX 1.23 with its history, the operator schemas of ONNX Runtime, and the
definitions of its training operators.
"""

from __future__ import annotations

from typing import Final

_ONNX: Final = """
    Abs Acos Acosh Add Affine AffineGrid And ArgMax ArgMin Asin Asinh Atan Atanh Attention
    AveragePool BatchNormalization Bernoulli BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr
    BitwiseXor BlackmanWindow Cast CastLike CausalConvWithState Ceil Celu CenterCropPad Clip
    Col2Im Compress Concat ConcatFromSequence Constant ConstantOfShape Conv ConvInteger
    ConvTranspose Cos Cosh Crop CumProd CumSum DFT DeformConv DepthToSpace DequantizeLinear Det
    Div Dropout DynamicQuantizeLinear DynamicSlice Einsum Elu Equal Erf Exp Expand EyeLike
    Flatten Floor GRU GRUUnit Gather GatherElements GatherND Gelu Gemm GivenTensorFill
    GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample
    GroupNormalization HammingWindow HannWindow HardSigmoid HardSwish Hardmax Identity If
    ImageDecoder ImageScaler InstanceNormalization IsInf IsNaN LRN LSTM LayerNormalization
    LeakyRelu Less LessOrEqual LinearAttention Log LogSoftmax Loop LpNormalization LpPool MatMul
    MatMulInteger Max MaxPool MaxRoiPool MaxUnpool Mean MeanVarianceNormalization
    MelWeightMatrix MemcpyFromHost MemcpyToHost Min Mish Mod Mul Multinomial Neg
    NegativeLogLikelihoodLoss NonMaxSuppression NonZero Not OneHot Optional OptionalGetElement
    OptionalHasElement Or PRelu Pad ParametricSoftplus Pow QLinearConv QLinearMatMul
    QuantizeLinear RMSNormalization RNN RandomNormal RandomNormalLike RandomUniform
    RandomUniformLike Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax
    ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare RegexFullMatch Relu Reshape Resize
    ReverseSequence RoiAlign RotaryEmbedding Round STFT Scale ScaledTanh Scan Scatter
    ScatterElements ScatterND Selu SequenceAt SequenceConstruct SequenceEmpty SequenceErase
    SequenceInsert SequenceLength SequenceMap Shape Shrink Sigmoid Sign
    SimplifiedLayerNormalization Sin Sinh Size Slice Softmax SoftmaxCrossEntropyLoss Softplus
    Softsign SpaceToDepth Split SplitToSequence Sqrt Squeeze StringConcat StringNormalizer
    StringSplit Sub Sum SwiGLU Swish Tan Tanh TensorScatter TfIdfVectorizer ThresholdedRelu Tile
    TopK Transpose Trilu Unique Unsqueeze Upsample Where Xor
    """
_ML: Final = """
    ArrayFeatureExtractor Binarizer CastMap CategoryMapper DictVectorizer FeatureVectorizer
    Imputer LabelEncoder LinearClassifier LinearRegressor Normalizer OneHotEncoder SVMClassifier
    SVMRegressor Scaler TreeEnsemble TreeEnsembleClassifier TreeEnsembleRegressor ZipMap
    """
_PREVIEW: Final = """
    Adagrad Adam FlexAttention Gradient Momentum
    """
_MICROSOFT: Final = """
    AdamOptimizer AdamWOptimizer AdasumAllReduce Attention AttnLSTM BatchNormInternal BeamSearch
    BiasAdd BiasDropout BiasGelu BiasSoftmax BiasSplitGelu BifurcationDetector
    BitmaskBiasDropout BitmaskDropout BranchwiseRMSNorm BroadcastGradientArgs CDist
    CausalConvWithState ComplexMul ComplexMulConj ConcatTraining ConvStateReplay
    ConvTransposeWithDynamicPads CropAndResize DecoderAttention DecoderMaskedMultiHeadAttention
    DecoderMaskedSelfAttention DequantizeBFP DequantizeLinear DequantizeWithOrder
    DisentangledAttention_TRT DivGrad DropoutGrad DynamicQuantizeLSTM DynamicQuantizeMatMul
    DynamicSparseAttention DynamicTimeWarping EfficientNMS_TRT EmbedLayerNormalization
    EngramGate ExpandDims FakeQuant FastGelu FusedConv FusedGemm FusedMatMul
    FusedMatMulActivation GatedAdd GatedDeltaNet GatedDeltaNetStateReplay GatedRMSNorm
    GatedRelativePositionBias GatherBlockQuantized GatherND GatherPacked Gelu GemmFastGelu
    GemmFloat8 GemmaRotaryEmbedding GradientAccumulator GreedySearch GridSample Group GroupNorm
    GroupQueryAttention HyperConnectionLowRankMix HyperConnectionPostMix HyperConnectionPreMix
    InPlaceAccumulator InPlaceAccumulatorV2 Inverse Irfft IsAllFinite IsFinite LambOptimizer
    LinearAttention LinearAttentionGate LongformerAttention MRotaryEmbedding Mamba2Verify
    MatMulBlockQuantizedFp4Weight MatMulBlockQuantizedFp8Weight MatMulBnb4 MatMulFpQ4
    MatMulInteger16 MatMulIntegerToFloat MatMulNBits MatMulNBitsMlp MatMulNBitsQLoRA
    MatMulNBitsQkv MatMulPacked MaxpoolWithMask MixedPrecisionScale MoE MoEGroupRouter MoEPacked
    MulInteger MultiHeadAttention MultilevelCropAndResize_TRT MurmurHash3 NGramHashMapping
    NGramRepeatBlock NcclAllGather NcclAllReduce NcclReduceScatter NegativeLogLikelihoodLoss
    NhwcConv NhwcFusedConv NhwcMaxPool PackedAttention PackedMultiHeadAttention
    PackedSparseAttentionIndexer PackedSparseAttentionIndexerMerge Pad PadAndUnflatten
    PagedAttention PassThrough PyramidROIAlign_TRT QAttention QEmbedLayerNormalization QGemm
    QLinearAdd QLinearAveragePool QLinearConcat QLinearConv QLinearGlobalAveragePool
    QLinearLeakyRelu QLinearMul QLinearReduceMean QLinearSigmoid QLinearSoftmax QLinearWhere
    QMoE QOrderedAttention QOrderedGelu QOrderedLayerNormalization QOrderedLongformerAttention
    QOrderedMatMul QuantizeBFP QuantizeLinear QuantizeWithOrder QuickGelu QuickGeluGrad
    RMSNormRotary Range RecordEvent ReduceAllL2 ReduceSumInteger ReduceSumTraining
    RelativePositionBias RemovePadding RestorePadding Rfft RotaryEmbedding RouterGateUpProj
    SGDOptimizer SGDOptimizerV2 SampleOp Sampling ScaledSiLU ScaledSum ShrunkenGather SinGrad
    SkipGroupNorm SkipLayerNormalization SkipSimplifiedLayerNormalization Snpe
    SoftmaxCrossEntropy SoftmaxCrossEntropyLossInternal SparseAttention SparseAttentionIndexer
    SparsePagedAttention SparseToDenseMatMul SpeculativePrefixCommit SplitTraining SummaryScalar
    SwiGLU Tokenizer TorchEmbedding TransposeMatMul Trilu UnfoldTensor Unique
    VarlenCausalConvWithState VarlenNGramHashMapping View WaitEvent WhisperBeamSearch
    WordConvEmbedding YieldOp ZeroGradient
    """
_LAYOUTS: Final = """
    AveragePool BatchNormalization Conv ConvTranspose DepthToSpace GlobalAveragePool
    GlobalLpPool GlobalMaxPool GridSample InstanceNormalization LRN LpPool MaxPool MaxUnpool
    QLinearAveragePool QLinearConv QLinearConvTranspose ReorderInput ReorderOutput Resize
    SpaceToDepth Upsample
    """

_STANDARD: Final = frozenset(_ONNX.split())
_BUILT_IN: Final = {
    "": _STANDARD,
    "ai.onnx": _STANDARD,
    "ai.onnx.ml": frozenset(_ML.split()),
    "ai.onnx.preview": frozenset(_PREVIEW.split()),
    "ai.onnx.preview.training": frozenset(_PREVIEW.split()),
    "com.microsoft": frozenset(_MICROSOFT.split()),
    "com.microsoft.nchwc": frozenset(_LAYOUTS.split()),
    "com.ms.internal.nhwc": frozenset(_LAYOUTS.split()),
}
_GRADIENTS: Final = frozenset({"com.microsoft"})
"""Where operators have gradients, which are named after them."""


def is_built_in(domain: str, operator: str) -> bool:
    """Whether an operator of one of the known domains is one that its runtime has.

    Of a domain that is not here, nothing is known: this says yes.
    """
    known = _BUILT_IN.get(domain)
    if known is None or operator in known:
        return True
    own = operator.removesuffix("Grad")
    return domain in _GRADIENTS and own != operator and (own in known or own in _STANDARD)
