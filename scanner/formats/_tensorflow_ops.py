"""Operations of TensorFlow that a graph may have: reviewed, in groups with the reason of each.

Each computes with tensors, or keeps them in this process. None opens a file or connection,
runs Python or loads a library, takes a program as data, or is known only to a device that
the reader has not. What is not here is not clean.

Source: the operation definitions of TensorFlow 2.21 and TensorFlow Text 2.20.
"""

from __future__ import annotations

GROUPS: tuple[tuple[str, str], ...] = (
    (
        "Values, control flow, and calls of functions whose bodies are read too.",
        """
        Assert Batch BatchFunction Case Const ControlTrigger DeepCopy DeviceIndex Empty
        EnsureShape Enter Exit FakeParam For GuaranteeConst Identity IdentityN If LoopCond
        MapDefun Merge NextIteration NoOp PartitionedCall Placeholder PlaceholderV2
        PlaceholderWithDefault Print RefEnter RefExit RefIdentity RefMerge RefNextIteration
        RefSelect RefSwitch Snapshot StatefulPartitionedCall StatelessCase StatelessIf
        StatelessWhile Switch Timestamp Unbatch While _Arg _ArrayToList _DeviceArg _DeviceRetval
        _EagerConst _HostCast _If _ListToArray _Retval _SwitchN _While""",
    ),
    (
        "Arithmetic, linear algebra, layers and the shapes of arrays.",
        """
        Abs Acos Acosh Add AddN AddV2 All Angle Any ApproxTopK ApproximateEqual ArgMax ArgMin
        Asin Asinh Atan Atan2 Atanh AvgPool AvgPool3D BandedTriangularSolve BatchCholesky
        BatchFFT BatchFFT2D BatchFFT3D BatchIFFT BatchIFFT2D BatchIFFT3D BatchMatMul
        BatchMatMulV2 BatchMatMulV3 BatchMatrixBandPart BatchMatrixDeterminant BatchMatrixDiag
        BatchMatrixDiagPart BatchMatrixInverse BatchMatrixSetDiag BatchMatrixSolve
        BatchMatrixSolveLs BatchMatrixTriangularSolve BatchNormWithGlobalNormalization
        BatchSelfAdjointEig BatchSelfAdjointEigV2 BatchSvd BatchToSpace BatchToSpaceND BesselI0
        BesselI0e BesselI1 BesselI1e BesselJ0 BesselJ1 BesselK0 BesselK0e BesselK1 BesselK1e
        BesselY0 BesselY1 Betainc BiasAdd BiasAddV1 Bincount Bitcast BitwiseAnd BitwiseOr
        BitwiseXor BlockLSTM BlockLSTMV2 BroadcastArgs BroadcastTo Bucketize Cast Ceil
        CheckNumerics CheckNumericsV2 Cholesky ClipByValue Complex ComplexAbs
        CompositeTensorVariantFromComponents CompositeTensorVariantToComponents Concat
        ConcatOffset ConcatV2 Conj ConjugateTranspose Conv Conv2D Conv3D Cos Cosh Cross CudnnRNN
        CudnnRNNCanonicalToParams CudnnRNNCanonicalToParamsV2 CudnnRNNParamsSize
        CudnnRNNParamsToCanonical CudnnRNNParamsToCanonicalV2 CudnnRNNV2 CudnnRNNV3 Cumprod
        Cumsum CumulativeLogsumexp DataFormatDimMap DataFormatVecPermute Dawsn DepthToSpace
        DepthwiseConv2dNative Diag DiagPart Digamma Dilation2D Div DivNoNan DynamicPartition
        DynamicStitch Eig Einsum Elu Equal Erf Erfc Erfinv EuclideanNorm Exp ExpandDims Expint
        Expm1 FFT FFT2D FFT3D FFTND Fill Floor FloorDiv FloorMod FractionalAvgPool
        FractionalMaxPool FresnelCos FresnelSin FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3
        FusedPadConv2D GRUBlockCell Gather GatherNd GatherV2 Greater GreaterEqual
        HistogramFixedWidth IFFT IFFT2D IFFT3D IFFTND IRFFT IRFFT2D IRFFT3D IRFFTND Igamma
        IgammaGradA Igammac Imag InTopK InTopKV2 InplaceAdd InplaceSub InplaceUpdate Inv Invert
        InvertPermutation IsFinite IsInf IsNan IsotonicRegression KthOrderStatistic L2Loss LRN
        LSTMBlockCell LeakyRelu LeftShift Less LessEqual Lgamma LinSpace ListDiff Log Log1p
        LogMatrixDeterminant LogSoftmax LogicalAnd LogicalNot LogicalOr LowerBound Lu MakeUnique
        MatMul MatrixBandPart MatrixDeterminant MatrixDiag MatrixDiagPart MatrixDiagPartV2
        MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3 MatrixExponential MatrixInverse
        MatrixLogarithm MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3 MatrixSolve MatrixSolveLs
        MatrixSquareRoot MatrixTriangularSolve Max MaxPool MaxPool3D MaxPoolGradGradWithArgmax
        MaxPoolGradWithArgmax MaxPoolV2 MaxPoolWithArgmax Maximum Mean Min Minimum MirrorPad Mod
        Mul MulNoNan Ndtri Neg NextAfter NotEqual NthElement OneHot OnesLike Pack Pad PadV2
        ParallelConcat ParallelDynamicStitch Polygamma PopulationCount Pow Prod Qr RFFT RFFT2D
        RFFT3D RFFTND Range Rank Real RealDiv Reciprocal Relu Relu6 Reshape Reverse
        ReverseSequence ReverseV2 RightShift Rint Roll Round Rsqrt ScatterNd
        ScatterNdNonAliasingAdd SegmentMax SegmentMaxV2 SegmentMean SegmentMin SegmentMinV2
        SegmentProd SegmentProdV2 SegmentSum SegmentSumV2 Select SelectV2 SelfAdjointEig
        SelfAdjointEigV2 Selu Shape ShapeN Sigmoid Sign Sin Sinh Size Slice Softmax
        SoftmaxCrossEntropyWithLogits Softplus Softsign SpaceToBatch SpaceToBatchND SpaceToDepth
        Spence Split SplitV Sqrt Square SquaredDifference Squeeze StridedSlice
        StridedSliceAssign Sub Sum Svd Tan Tanh TensorStridedSliceUpdate Tile ToBool TopK
        TopKUnique TopKV2 TopKWithUnique Transpose TridiagonalMatMul TridiagonalSolve
        TruncateDiv TruncateMod Unique UniqueV2 UniqueWithCounts UniqueWithCountsV2 Unpack
        UnravelIndex UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd
        UnsortedSegmentSum UpperBound Where Xdivy Xlog1py Xlogy ZerosLike Zeta _FusedBatchNormEx
        _FusedConv2D _FusedConv3D _FusedDepthwiseConv2dNative _FusedMatMul
        _TensorToHashBucketFast _UnaryOpsComposition""",
    ),
    (
        "Gradients, optimizers and samplers: arithmetic over tensors and variables.",
        """
        AccumulateNV2 AccumulatorApplyGradient AccumulatorNumAccumulated
        AccumulatorSetGlobalStep AccumulatorTakeGradient AllCandidateSampler ApplyAdaMax
        ApplyAdadelta ApplyAdagrad ApplyAdagradDA ApplyAdagradV2 ApplyAdam ApplyAddSign
        ApplyCenteredRMSProp ApplyFtrl ApplyFtrlV2 ApplyGradientDescent ApplyMomentum
        ApplyPowerSign ApplyProximalAdagrad ApplyProximalGradientDescent ApplyRMSProp
        AvgPool3DGrad AvgPoolGrad BatchCholeskyGrad BatchNormWithGlobalNormalizationGrad
        BiasAddGrad BlockLSTMGrad BlockLSTMGradV2 BoostedTreesAggregateStats
        BoostedTreesBucketize BoostedTreesCalculateBestFeatureSplit
        BoostedTreesCalculateBestFeatureSplitV2 BoostedTreesCalculateBestGainsPerFeature
        BoostedTreesCenterBias BoostedTreesCreateEnsemble
        BoostedTreesCreateQuantileStreamResource BoostedTreesDeserializeEnsemble
        BoostedTreesEnsembleResourceHandleOp BoostedTreesFlushQuantileSummaries
        BoostedTreesGetEnsembleStates BoostedTreesMakeQuantileSummaries
        BoostedTreesMakeStatsSummary BoostedTreesPredict
        BoostedTreesQuantileStreamResourceAddSummaries
        BoostedTreesQuantileStreamResourceDeserialize BoostedTreesQuantileStreamResourceFlush
        BoostedTreesQuantileStreamResourceGetBucketBoundaries
        BoostedTreesQuantileStreamResourceHandleOp BoostedTreesSerializeEnsemble
        BoostedTreesSparseAggregateStats BoostedTreesSparseCalculateBestFeatureSplit
        BoostedTreesTrainingPredict BoostedTreesUpdateEnsemble BoostedTreesUpdateEnsembleV2
        BroadcastGradientArgs CholeskyGrad ComputeAccidentalHits ConditionalAccumulator
        Conv2DBackpropFilter Conv2DBackpropFilterV2 Conv2DBackpropInput Conv2DBackpropInputV2
        Conv3DBackpropFilter Conv3DBackpropFilterV2 Conv3DBackpropInput Conv3DBackpropInputV2
        CudnnRNNBackprop CudnnRNNBackpropV2 CudnnRNNBackpropV3
        DepthwiseConv2dNativeBackpropFilter DepthwiseConv2dNativeBackpropInput
        Dilation2DBackpropFilter Dilation2DBackpropInput EluGrad FakeQuantWithMinMaxArgsGradient
        FakeQuantWithMinMaxVarsGradient FakeQuantWithMinMaxVarsPerChannelGradient
        FractionalAvgPoolGrad FractionalMaxPoolGrad FusedBatchNormGrad FusedBatchNormGradV2
        FusedBatchNormGradV3 GRUBlockCellGrad InvGrad IsBoostedTreesEnsembleInitialized
        IsBoostedTreesQuantileStreamResourceInitialized KMC2ChainInitialization
        KmeansPlusPlusInitialization LRNGrad LSTMBlockCellGrad LeakyReluGrad
        LearnedUnigramCandidateSampler LogUniformCandidateSampler MaxPool3DGrad
        MaxPool3DGradGrad MaxPoolGrad MaxPoolGradGrad MaxPoolGradGradV2 MaxPoolGradV2
        MirrorPadGrad NearestNeighbors PreventGradient QuantizeAndDequantizeV4Grad
        RaggedFillEmptyRowsGrad RaggedTensorToVariantGradient RandomGammaGrad ReciprocalGrad
        Relu6Grad ReluGrad ResizeBicubicGrad ResizeBilinearGrad ResizeNearestNeighborGrad
        ResourceAccumulatorApplyGradient ResourceAccumulatorNumAccumulated
        ResourceAccumulatorSetGlobalStep ResourceAccumulatorTakeGradient ResourceApplyAdaMax
        ResourceApplyAdadelta ResourceApplyAdagrad ResourceApplyAdagradDA ResourceApplyAdagradV2
        ResourceApplyAdam ResourceApplyAdamWithAmsgrad ResourceApplyAddSign
        ResourceApplyCenteredRMSProp ResourceApplyFtrl ResourceApplyFtrlV2
        ResourceApplyGradientDescent ResourceApplyKerasMomentum ResourceApplyMomentum
        ResourceApplyPowerSign ResourceApplyProximalAdagrad ResourceApplyProximalGradientDescent
        ResourceApplyRMSProp ResourceConditionalAccumulator ResourceSparseApplyAdadelta
        ResourceSparseApplyAdagrad ResourceSparseApplyAdagradDA ResourceSparseApplyAdagradV2
        ResourceSparseApplyCenteredRMSProp ResourceSparseApplyFtrl ResourceSparseApplyFtrlV2
        ResourceSparseApplyKerasMomentum ResourceSparseApplyMomentum
        ResourceSparseApplyProximalAdagrad ResourceSparseApplyProximalGradientDescent
        ResourceSparseApplyRMSProp RsqrtGrad ScaleAndTranslateGrad SdcaFprint SdcaOptimizer
        SdcaOptimizerV2 SdcaShrinkL1 SeluGrad SigmoidGrad SoftplusGrad SoftsignGrad
        SparseAccumulatorApplyGradient SparseAccumulatorTakeGradient SparseAddGrad
        SparseApplyAdadelta SparseApplyAdagrad SparseApplyAdagradDA SparseApplyAdagradV2
        SparseApplyCenteredRMSProp SparseApplyFtrl SparseApplyFtrlV2 SparseApplyMomentum
        SparseApplyProximalAdagrad SparseApplyProximalGradientDescent SparseApplyRMSProp
        SparseConditionalAccumulator SparseFillEmptyRowsGrad SparseMatrixSoftmaxGrad
        SparseSegmentMeanGrad SparseSegmentMeanGradV2 SparseSegmentSqrtNGrad
        SparseSegmentSqrtNGradV2 SparseSegmentSumGrad SparseSegmentSumGradV2 SparseSliceGrad
        SqrtGrad StopGradient StridedSliceGrad SymbolicGradient TanhGrad TensorArrayGrad
        TensorArrayGradV2 TensorArrayGradV3 ThreadUnsafeUnigramCandidateSampler TileGrad
        UnbatchGrad UniformCandidateSampler""",
    ),
    (
        "Sparse and ragged tensors.",
        """
        CSRSparseMatrixComponents CSRSparseMatrixToDense CSRSparseMatrixToSparseTensor
        DenseBincount DenseCountSparseOutput DenseToCSRSparseMatrix DenseToDenseSetOperation
        DenseToSparseSetOperation RaggedBincount RaggedCountSparseOutput RaggedFillEmptyRows
        RaggedGather RaggedRange RaggedTensorFromVariant RaggedTensorToSparse
        RaggedTensorToTensor RaggedTensorToVariant SetSize SparseAdd SparseBincount SparseConcat
        SparseCountSparseOutput SparseDenseCwiseAdd SparseDenseCwiseDiv SparseDenseCwiseMul
        SparseFillEmptyRows SparseMatMul SparseMatrixAdd SparseMatrixMatMul SparseMatrixMul
        SparseMatrixNNZ SparseMatrixOrderingAMD SparseMatrixSoftmax SparseMatrixSparseCholesky
        SparseMatrixSparseMatMul SparseMatrixTranspose SparseMatrixZeros SparseReduceMax
        SparseReduceMaxSparse SparseReduceSum SparseReduceSumSparse SparseReorder SparseReshape
        SparseSegmentMean SparseSegmentMeanWithNumSegments SparseSegmentSqrtN
        SparseSegmentSqrtNWithNumSegments SparseSegmentSum SparseSegmentSumWithNumSegments
        SparseSlice SparseSoftmax SparseSoftmaxCrossEntropyWithLogits SparseSparseMaximum
        SparseSparseMinimum SparseSplit SparseTensorDenseAdd SparseTensorDenseMatMul
        SparseTensorToCSRSparseMatrix SparseToDense SparseToSparseSetOperation""",
    ),
    (
        "Arithmetic over quantised tensors.",
        """
        Dequantize FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars
        FakeQuantWithMinMaxVarsPerChannel QuantizeAndDequantize QuantizeAndDequantizeV2
        QuantizeAndDequantizeV3 QuantizeAndDequantizeV4 QuantizeDownAndShrinkRange QuantizeV2
        QuantizedAdd QuantizedAvgPool QuantizedBatchNormWithGlobalNormalization QuantizedBiasAdd
        QuantizedConcat QuantizedConcatV2 QuantizedConv2D QuantizedConv2DAndRelu
        QuantizedConv2DAndReluAndRequantize QuantizedConv2DAndRequantize
        QuantizedConv2DPerChannel QuantizedConv2DWithBias QuantizedConv2DWithBiasAndRelu
        QuantizedConv2DWithBiasAndReluAndRequantize QuantizedConv2DWithBiasAndRequantize
        QuantizedConv2DWithBiasSignedSumAndReluAndRequantize QuantizedConv2DWithBiasSumAndRelu
        QuantizedConv2DWithBiasSumAndReluAndRequantize QuantizedDepthwiseConv2D
        QuantizedDepthwiseConv2DWithBias QuantizedDepthwiseConv2DWithBiasAndRelu
        QuantizedDepthwiseConv2DWithBiasAndReluAndRequantize QuantizedInstanceNorm
        QuantizedMatMul QuantizedMatMulWithBias QuantizedMatMulWithBiasAndDequantize
        QuantizedMatMulWithBiasAndRelu QuantizedMatMulWithBiasAndReluAndRequantize
        QuantizedMatMulWithBiasAndRequantize QuantizedMaxPool QuantizedMul QuantizedRelu
        QuantizedRelu6 QuantizedReluX QuantizedReshape RequantizationRange
        RequantizationRangePerChannel Requantize RequantizePerChannel UniformDequantize
        UniformQuantize UniformQuantizedAdd UniformQuantizedClipByValue
        UniformQuantizedConvolution UniformQuantizedConvolutionHybrid UniformQuantizedDot
        UniformQuantizedDotHybrid UniformRequantize""",
    ),
    (
        "Random numbers.",
        """
        Fact Multinomial NonDeterministicInts ParameterizedTruncatedNormal RandomGamma
        RandomIndexShuffle RandomPoisson RandomPoissonV2 RandomShuffle RandomStandardNormal
        RandomUniform RandomUniformInt RngReadAndSkip RngSkip SobolSample StatefulRandomBinomial
        StatefulStandardNormal StatefulStandardNormalV2 StatefulTruncatedNormal StatefulUniform
        StatefulUniformFullInt StatefulUniformInt StatelessMultinomial
        StatelessParameterizedTruncatedNormal StatelessRandomBinomial StatelessRandomGammaV2
        StatelessRandomGammaV3 StatelessRandomGetAlg StatelessRandomGetKeyCounter
        StatelessRandomGetKeyCounterAlg StatelessRandomNormal StatelessRandomNormalV2
        StatelessRandomPoisson StatelessRandomUniform StatelessRandomUniformFullInt
        StatelessRandomUniformFullIntV2 StatelessRandomUniformInt StatelessRandomUniformIntV2
        StatelessRandomUniformV2 StatelessShuffle StatelessTruncatedNormal
        StatelessTruncatedNormalV2 TruncatedNormal""",
    ),
    (
        "Pictures and sounds, decoded from tensors and encoded into tensors.",
        """
        AdjustContrast AdjustContrastv2 AdjustHue AdjustSaturation AudioMicrofrontend
        AudioSpectrogram CombinedNonMaxSuppression CropAndResize CropAndResizeGradBoxes
        CropAndResizeGradImage DecodeAndCropJpeg DecodeBmp DecodeGif DecodeImage DecodeJpeg
        DecodeJxl DecodePng DecodeWav DecodeWebP DrawBoundingBoxes DrawBoundingBoxesV2
        EncodeJpeg EncodePng EncodeWav ExtractGlimpse ExtractGlimpseV2 ExtractImagePatches
        ExtractJpegShape ExtractVolumePatches FusedResizeAndPadConv2D
        GenerateBoundingBoxProposals HSVToRGB ImageProjectiveTransformV2
        ImageProjectiveTransformV3 ImageSummary Mfcc NonMaxSuppression NonMaxSuppressionV2
        NonMaxSuppressionV3 NonMaxSuppressionV4 NonMaxSuppressionV5
        NonMaxSuppressionWithOverlaps QuantizedResizeBilinear RGBToHSV RandomCrop ResizeArea
        ResizeBicubic ResizeBilinear ResizeNearestNeighbor SampleDistortedBoundingBox
        SampleDistortedBoundingBoxV2 ScaleAndTranslate StatelessSampleDistortedBoundingBox""",
    ),
    (
        "Strings: split, joined, hashed, parsed; no name of a file among them is opened.",
        """
        AsString CTCBeamSearchDecoder CTCGreedyDecoder CTCLoss CTCLossV2 DecodeBase64 DecodeCSV
        DecodeCompressed DecodeJSONExample DecodePaddedRaw DecodeRaw DeserializeManySparse
        DeserializeSparse EditDistance EncodeBase64 Fingerprint ParseExample ParseExampleV2
        ParseSequenceExample ParseSequenceExampleV2 ParseSingleExample
        ParseSingleSequenceExample ParseTensor RaggedCross ReduceJoin RegexFullMatch
        RegexReplace SerializeManySparse SerializeSparse SerializeTensor ShardedFilespec
        SparseCross SparseCrossHashed SparseCrossV2 StaticRegexFullMatch StaticRegexReplace
        StringFormat StringJoin StringLength StringListAttr StringLower StringNGrams StringSplit
        StringSplitV2 StringStrip StringToHashBucket StringToHashBucketFast
        StringToHashBucketStrong StringToNumber StringUpper Substr UnicodeDecode
        UnicodeDecodeWithOffsets UnicodeEncode UnicodeScript UnicodeTranscode
        UnsortedSegmentJoin""",
    ),
    (
        "TensorFlow Text: tokenizers over strings and tables that the graph brings along.",
        """
        CaseFoldUTF8 ConstrainedSequence FindSourceOffsets MaxSpanningTree NormalizeUTF8
        NormalizeUTF8WithOffsetsMap RegexSplitWithOffsets RougeL SentenceFragments
        SentenceFragmentsV2 SentencepieceDetokenizeOp SentencepieceIdToStringOp SentencepieceOp
        SentencepieceStringToIdOp SentencepieceTokenizeOp SentencepieceTokenizeWithOffsetsOp
        SentencepieceVocabSizeOp SplitMergeFromLogitsTokenizeWithOffsets
        SplitMergeTokenizeWithOffsets TFText>BoiseTagsToOffsets TFText>FastBertNormalize
        TFText>FastSentencepieceDetokenize TFText>FastSentencepieceTokenizeWithOffsets
        TFText>FastSentencepieceTokenizer TFText>FastWordpieceDetokenize
        TFText>FastWordpieceTokenizeWithOffsets TFText>FindSourceOffsets TFText>NgramsStringJoin
        TFText>OffsetsToBoiseTags TFText>PhraseTokenizeWithOffsets
        TFText>RoundRobinGenerateMasks TFText>RoundRobinTrim
        TFText>WhitespaceTokenizeWithOffsetsV2 TokenizerFromLogits
        UnicodeScriptTokenizeWithOffsets WhitespaceTokenizeWithOffsets
        WhitespaceTokenizeWithOffsetsV2 WordpieceTokenizeWithOffsets""",
    ),
    (
        "Tables in memory, filled from tensors.",
        """
        AnonymousHashTable AnonymousMutableDenseHashTable AnonymousMutableHashTable
        AnonymousMutableHashTableOfTensors HashTable HashTableV2 InitializeTable
        InitializeTableV2 LookupTableExport LookupTableExportV2 LookupTableFind
        LookupTableFindV2 LookupTableImport LookupTableImportV2 LookupTableInsert
        LookupTableInsertV2 LookupTableRemoveV2 LookupTableSize LookupTableSizeV2
        MutableDenseHashTable MutableDenseHashTableV2 MutableHashTable MutableHashTableOfTensors
        MutableHashTableOfTensorsV2 MutableHashTableV2""",
    ),
    (
        "Queues, stacks and lists in memory.",
        """
        AddManySparseToTensorsMap AddSparseToTensorsMap Barrier BarrierClose
        BarrierIncompleteSize BarrierInsertMany BarrierReadySize BarrierTakeMany EmptyTensorList
        EmptyTensorMap FIFOQueue FIFOQueueV2 MapClear MapIncompleteSize MapPeek MapSize MapStage
        MapUnstage MapUnstageNoKey OrderedMapClear OrderedMapIncompleteSize OrderedMapPeek
        OrderedMapSize OrderedMapStage OrderedMapUnstage OrderedMapUnstageNoKey PaddingFIFOQueue
        PaddingFIFOQueueV2 PriorityQueue PriorityQueueV2 QueueClose QueueCloseV2 QueueDequeue
        QueueDequeueMany QueueDequeueManyV2 QueueDequeueUpTo QueueDequeueUpToV2 QueueDequeueV2
        QueueEnqueue QueueEnqueueMany QueueEnqueueManyV2 QueueEnqueueV2 QueueIsClosed
        QueueIsClosedV2 QueueSize QueueSizeV2 RandomShuffleQueue RandomShuffleQueueV2 Stack
        StackClose StackCloseV2 StackPop StackPopV2 StackPush StackPushV2 StackV2 Stage
        StageClear StagePeek StageSize TakeManySparseFromTensorsMap TensorArray TensorArrayClose
        TensorArrayCloseV2 TensorArrayCloseV3 TensorArrayConcat TensorArrayConcatV2
        TensorArrayConcatV3 TensorArrayGather TensorArrayGatherV2 TensorArrayGatherV3
        TensorArrayGradWithShape TensorArrayPack TensorArrayRead TensorArrayReadV2
        TensorArrayReadV3 TensorArrayScatter TensorArrayScatterV2 TensorArrayScatterV3
        TensorArraySize TensorArraySizeV2 TensorArraySizeV3 TensorArraySplit TensorArraySplitV2
        TensorArraySplitV3 TensorArrayUnpack TensorArrayV2 TensorArrayV3 TensorArrayWrite
        TensorArrayWriteV2 TensorArrayWriteV3 TensorListConcat TensorListConcatLists
        TensorListConcatV2 TensorListElementShape TensorListFromTensor TensorListGather
        TensorListGetItem TensorListLength TensorListPopBack TensorListPushBack
        TensorListPushBackBatch TensorListReserve TensorListResize TensorListScatter
        TensorListScatterIntoExistingList TensorListScatterV2 TensorListSetItem TensorListSplit
        TensorListStack TensorMapErase TensorMapHasKey TensorMapInsert TensorMapLookup
        TensorMapSize TensorMapStackKeys Unstage""",
    ),
    (
        "Variables in memory, and their values out of a checkpoint.",
        """
        Assign AssignAdd AssignAddVariableOp AssignSub AssignSubVariableOp AssignVariableOp
        AssignVariableXlaConcatND ConsumeMutexLock CountUpTo DestroyResourceOp
        DestroyTemporaryVariable DisableCopyOnRead EncodeJpegVariableQuality
        IsVariableInitialized MakeWeakResourceHandle MutexLock MutexV2 ReadVariableOp
        ReadVariableXlaSplitND ResourceCountUpTo ResourceGather ResourceGatherNd
        ResourceScatterAdd ResourceScatterDiv ResourceScatterMax ResourceScatterMin
        ResourceScatterMul ResourceScatterNdAdd ResourceScatterNdMax ResourceScatterNdMin
        ResourceScatterNdSub ResourceScatterNdUpdate ResourceScatterSub ResourceScatterUpdate
        ResourceStridedSliceAssign Restore RestoreSlice RestoreV2 ScatterAdd ScatterDiv
        ScatterMax ScatterMin ScatterMul ScatterNdAdd ScatterNdMax ScatterNdMin ScatterNdSub
        ScatterNdUpdate ScatterSub ScatterUpdate TemporaryVariable TensorScatterAdd
        TensorScatterMax TensorScatterMin TensorScatterSub TensorScatterUpdate VarHandleOp
        VarIsInitializedOp Variable VariableShape VariableV2 _ReadVariablesOp _VarHandlesOp""",
    ),
    (
        "Pipelines of data in memory; the functions that they map are read too.",
        """
        AnonymousIterator AnonymousIteratorV2 AnonymousIteratorV3 AnonymousRandomSeedGenerator
        AnonymousSeedGenerator AssertCardinalityDataset AssertNextDataset AutoShardDataset
        BatchDataset BatchDatasetV2 BytesProducedStatsDataset ChooseFastestBranchDataset
        ChooseFastestDataset CompressElement ComputeBatchSize ConcatenateDataset
        DatasetCardinality DatasetToSingleElement DeleteIterator DeleteRandomSeedGenerator
        DeleteSeedGenerator DenseToSparseBatchDataset DirectedInterleaveDataset
        DummyIterationCounter DummySeedGenerator ExperimentalAssertNextDataset
        ExperimentalAutoShardDataset ExperimentalBytesProducedStatsDataset
        ExperimentalChooseFastestDataset ExperimentalDatasetCardinality
        ExperimentalDenseToSparseBatchDataset ExperimentalDirectedInterleaveDataset
        ExperimentalGroupByReducerDataset ExperimentalGroupByWindowDataset
        ExperimentalIgnoreErrorsDataset ExperimentalIteratorGetDevice
        ExperimentalLatencyStatsDataset ExperimentalMapAndBatchDataset ExperimentalMapDataset
        ExperimentalMaxIntraOpParallelismDataset ExperimentalParallelInterleaveDataset
        ExperimentalParseExampleDataset ExperimentalPrivateThreadPoolDataset
        ExperimentalRandomDataset ExperimentalRebatchDataset ExperimentalScanDataset
        ExperimentalSlidingWindowDataset ExperimentalStatsAggregatorHandle
        ExperimentalStatsAggregatorSummary ExperimentalTakeWhileDataset
        ExperimentalThreadPoolDataset ExperimentalThreadPoolHandle ExperimentalUnbatchDataset
        ExperimentalUniqueDataset FilterByLastComponentDataset FilterDataset FlatMapDataset
        GetElementAtIndex GetOptions GlobalShuffleDataset GroupByReducerDataset
        GroupByWindowDataset IgnoreErrorsDataset IndexFlatMapDataset InitializeTableFromDataset
        InterleaveDataset Iterator IteratorGetDevice IteratorGetNext IteratorGetNextAsOptional
        IteratorGetNextSync IteratorV2 LatencyStatsDataset ListDataset MakeIterator
        MapAndBatchDataset MapDataset MaxIntraOpParallelismDataset ModelDataset OneShotIterator
        OptimizeDatasetV2 OptionalFromValue OptionalGetValue OptionalHasValue OptionalNone
        OptionsDataset PaddedBatchDataset PaddedBatchDatasetV2 ParallelBatchDataset
        ParallelFilterDataset ParallelInterleaveDataset ParallelInterleaveDatasetV2
        ParallelInterleaveDatasetV3 ParallelInterleaveDatasetV4 ParallelMapDataset
        ParallelMapDatasetV2 ParseExampleDataset ParseExampleDatasetV2 PrefetchDataset
        PrivateThreadPoolDataset RandomDataset RandomDatasetV2 RangeDataset RebatchDataset
        RebatchDatasetV2 ReduceDataset RepeatDataset SamplingDataset ScanDataset ShardDataset
        ShuffleAndRepeatDataset ShuffleAndRepeatDatasetV2 ShuffleDataset ShuffleDatasetV2
        ShuffleDatasetV3 SkipDataset SlidingWindowDataset SparseTensorSliceDataset
        StatsAggregatorHandle StatsAggregatorHandleV2 StatsAggregatorSummary TakeDataset
        TakeWhileDataset TensorDataset TensorSliceDataset ThreadPoolDataset ThreadPoolHandle
        UnbatchDataset UncompressElement UniqueDataset UnwrapDatasetVariant
        WeightedFlatMapDataset WindowDataset WindowOp WrapDatasetVariant ZipDataset""",
    ),
    (
        "Summaries as strings; writing them is another operation.",
        """
        AudioSummary AudioSummaryV2 HistogramSummary MergeSummary ScalarSummary TensorSummary
        TensorSummaryV2""",
    ),
    (
        "Arithmetic in the terms of XLA.",
        """
        XlaBroadcastHelper XlaConcatND XlaConv XlaConvV2 XlaDequantize XlaDot XlaDotV2
        XlaDynamicSlice XlaDynamicUpdateSlice XlaEinsum XlaGather XlaIf XlaKeyValueSort
        XlaOptimizationBarrier XlaPad XlaReduce XlaReducePrecision XlaReduceWindow
        XlaRemoveDynamicDimensionSize XlaReplicaId XlaRngBitGenerator XlaScatter
        XlaSelectAndScatter XlaSelfAdjointEig XlaSetBound XlaSetDynamicDimensionSize XlaSharding
        XlaSort XlaSplitND XlaSpmdFullToShardShape XlaSpmdShardToFullShape XlaSvd
        XlaVariadicReduce XlaVariadicReduceV2 XlaVariadicSort XlaWhile""",
    ),
)
"""Why, and the names."""

REVIEWED = frozenset(name for _, names in GROUPS for name in names.split())
