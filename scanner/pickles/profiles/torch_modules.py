"""Whole modules of torch: the layers of torch.nn, by class.

Enumerated from torch 2.13. `Module.__setstate__` updates `__dict__` and fills in attributes
that old files lack; the layers that override it do the same and call nothing that the state
brings. Hooks and functions that a state holds are globals of their own, and judged as such.
"""

from typing import Final

from scanner.pickles import shapes, states
from scanner.pickles.allowlist import Entry

_LAYERS: Final = """
    torch.nn.modules.activation:CELU,ELU,GELU,GLU,Hardshrink,Hardsigmoid,Hardswish
    torch.nn.modules.activation:Hardtanh,LeakyReLU,LogSigmoid,LogSoftmax,Mish
    torch.nn.modules.activation:MultiheadAttention,PReLU,RReLU,ReLU,ReLU6,SELU,SiLU
    torch.nn.modules.activation:Sigmoid,Softmax,Softmax2d,Softmin,Softplus
    torch.nn.modules.activation:Softshrink,Softsign,Tanh,Tanhshrink,Threshold
    torch.nn.modules.adaptive:AdaptiveLogSoftmaxWithLoss
    torch.nn.modules.batchnorm:BatchNorm1d,BatchNorm2d,BatchNorm3d,LazyBatchNorm1d
    torch.nn.modules.batchnorm:LazyBatchNorm2d,LazyBatchNorm3d,SyncBatchNorm
    torch.nn.modules.batchnorm:_BatchNorm,_LazyNormBase,_NormBase
    torch.nn.modules.channelshuffle:ChannelShuffle
    torch.nn.modules.container:Container,ModuleDict,ModuleList,ParameterDict
    torch.nn.modules.container:ParameterList,Sequential
    torch.nn.modules.conv:Conv1d,Conv2d,Conv3d,ConvTranspose1d,ConvTranspose2d
    torch.nn.modules.conv:ConvTranspose3d,LazyConv1d,LazyConv2d,LazyConv3d
    torch.nn.modules.conv:LazyConvTranspose1d,LazyConvTranspose2d
    torch.nn.modules.conv:LazyConvTranspose3d,_ConvNd,_ConvTransposeMixin
    torch.nn.modules.conv:_ConvTransposeNd
    torch.nn.modules.distance:CosineSimilarity,PairwiseDistance
    torch.nn.modules.dropout:AlphaDropout,Dropout,Dropout1d,Dropout2d,Dropout3d
    torch.nn.modules.dropout:FeatureAlphaDropout,_DropoutNd
    torch.nn.modules.flatten:Flatten,Unflatten torch.nn.modules.fold:Fold,Unfold
    torch.nn.modules.instancenorm:InstanceNorm1d,InstanceNorm2d,InstanceNorm3d
    torch.nn.modules.instancenorm:LazyInstanceNorm1d,LazyInstanceNorm2d
    torch.nn.modules.instancenorm:LazyInstanceNorm3d,_InstanceNorm
    torch.nn.modules.linear:Bilinear,Identity,LazyLinear,Linear
    torch.nn.modules.linear:NonDynamicallyQuantizableLinear
    torch.nn.modules.loss:BCELoss,BCEWithLogitsLoss,CTCLoss,CosineEmbeddingLoss
    torch.nn.modules.loss:CrossEntropyLoss,GaussianNLLLoss,HingeEmbeddingLoss
    torch.nn.modules.loss:HuberLoss,KLDivLoss,L1Loss,LinearCrossEntropyLoss,MSELoss
    torch.nn.modules.loss:MarginRankingLoss,MultiLabelMarginLoss
    torch.nn.modules.loss:MultiLabelSoftMarginLoss,MultiMarginLoss,NLLLoss
    torch.nn.modules.loss:NLLLoss2d,PoissonNLLLoss,SmoothL1Loss,SoftMarginLoss
    torch.nn.modules.loss:TripletMarginLoss,TripletMarginWithDistanceLoss,_Loss
    torch.nn.modules.loss:_WeightedLoss torch.nn.modules.module:Module
    torch.nn.modules.normalization:CrossMapLRN2d,GroupNorm,LayerNorm
    torch.nn.modules.normalization:LocalResponseNorm,RMSNorm
    torch.nn.modules.padding:CircularPad1d,CircularPad2d,CircularPad3d
    torch.nn.modules.padding:ConstantPad1d,ConstantPad2d,ConstantPad3d
    torch.nn.modules.padding:ReflectionPad1d,ReflectionPad2d,ReflectionPad3d
    torch.nn.modules.padding:ReplicationPad1d,ReplicationPad2d,ReplicationPad3d
    torch.nn.modules.padding:ZeroPad1d,ZeroPad2d,ZeroPad3d,_CircularPadNd
    torch.nn.modules.padding:_ConstantPadNd,_ReflectionPadNd,_ReplicationPadNd
    torch.nn.modules.pixelshuffle:PixelShuffle,PixelUnshuffle
    torch.nn.modules.pooling:AdaptiveAvgPool1d,AdaptiveAvgPool2d,AdaptiveAvgPool3d
    torch.nn.modules.pooling:AdaptiveMaxPool1d,AdaptiveMaxPool2d,AdaptiveMaxPool3d
    torch.nn.modules.pooling:AvgPool1d,AvgPool2d,AvgPool3d,FractionalMaxPool2d
    torch.nn.modules.pooling:FractionalMaxPool3d,LPPool1d,LPPool2d,LPPool3d
    torch.nn.modules.pooling:MaxPool1d,MaxPool2d,MaxPool3d,MaxUnpool1d,MaxUnpool2d
    torch.nn.modules.pooling:MaxUnpool3d,_AdaptiveAvgPoolNd,_AdaptiveMaxPoolNd
    torch.nn.modules.pooling:_AvgPoolNd,_LPPoolNd,_MaxPoolNd,_MaxUnpoolNd
    torch.nn.modules.rnn:GRU,GRUCell,LSTM,LSTMCell,RNN,RNNBase,RNNCell,RNNCellBase
    torch.nn.modules.sparse:Embedding,EmbeddingBag
    torch.nn.modules.transformer:Transformer,TransformerDecoder
    torch.nn.modules.transformer:TransformerDecoderLayer,TransformerEncoder
    torch.nn.modules.transformer:TransformerEncoderLayer
    torch.nn.modules.upsampling:Upsample,UpsamplingBilinear2d,UpsamplingNearest2d
    torch.nn.parallel.data_parallel:DataParallel torch.optim.swa_utils:AveragedModel
    """

_FUNCTIONS: Final = """
    abs celu clamp cos dropout exp log log_softmax max mean min prelu relu relu_ rrelu selu selu_
    sigmoid sin softmax sqrt square std sum tanh threshold var
    """

ENTRIES: Final = (
    (
        _LAYERS,
        Entry(
            "a layer: made empty, its attributes are set from a dict",
            new=shapes.nothing,
            state=shapes.attributes,
            kind="module",
        ),
    ),
    (
        "torch.nn.functional:relu,relu6,gelu,silu,elu,selu,leaky_relu,softmax,log_softmax,softplus,"
        "mish,hardswish,hardsigmoid,hardtanh,sigmoid,tanh,logsigmoid,normalize,mse_loss,l1_loss,"
        "smooth_l1_loss,cross_entropy,nll_loss,binary_cross_entropy,"
        "binary_cross_entropy_with_logits,huber_loss,kl_div,dropout,layer_norm,linear,conv2d,"
        "interpolate torch._C._nn:gelu,silu,leaky_relu,hardtanh,softplus,elu_,linear,mish "
        "torch:relu,tanh,sigmoid,softmax,selu,celu,abs,exp,sin,cos,square,sqrt",
        Entry("is a function over tensors that a layer keeps; it may not be called"),
    ),
    (
        "torch._C:_VariableFunctionsClass "
        + " ".join(f"torch._C:_VariableFunctionsClass.{name}" for name in _FUNCTIONS.split()),
        Entry("is torch's table of functions over tensors, or one that is kept by its name there"),
    ),
    (
        "torch.nn.utils.weight_norm:WeightNorm torch.nn.utils.spectral_norm:SpectralNorm,"
        "SpectralNormStateDictHook,SpectralNormLoadStateDictPreHook torch.nn.utils.prune:Identity,"
        "RandomUnstructured,L1Unstructured,RandomStructured,LnStructured,CustomFromMask,"
        "PruningContainer",
        Entry("a hook of a layer's: holds settings", new=shapes.nothing, state=shapes.attributes),
    ),
    (
        "torch.nn.modules.module:_WrappedHook",
        Entry("holds a hook and its layer", new=shapes.nothing, state=shapes.attributes),
    ),
    (
        "torch.utils.hooks:RemovableHandle",
        Entry("is the number of a hook", new=shapes.nothing, state=shapes.tuple_state),
    ),
    (
        "torch.nn.parameter:UninitializedParameter,UninitializedBuffer",
        Entry("is a parameter without a shape yet", call=shapes.scalars),
    ),
    (
        "torch.optim:Adafactor,Muon torch.optim._adafactor:Adafactor torch.optim._muon:Muon "
        "torch.optim.adadelta:Adadelta torch.optim.adagrad:Adagrad torch.optim.adam:Adam "
        "torch.optim.adamax:Adamax torch.optim.adamw:AdamW torch.optim.asgd:ASGD "
        "torch.optim.lbfgs:LBFGS torch.optim.nadam:NAdam torch.optim.optimizer:Optimizer "
        "torch.optim.radam:RAdam torch.optim.rmsprop:RMSprop torch.optim.rprop:Rprop "
        "torch.optim.sgd:SGD torch.optim.sparse_adam:SparseAdam",
        Entry(
            "an optimizer: made empty; what its __setstate__ uses is plain dicts and lists",
            new=shapes.nothing,
            state=states.optimizer,
        ),
    ),
    (
        "torch.optim.lr_scheduler:LambdaLR,MultiplicativeLR,StepLR,MultiStepLR,ConstantLR,LinearLR,"
        "ExponentialLR,SequentialLR,PolynomialLR,CosineAnnealingLR,ChainedScheduler,"
        "ReduceLROnPlateau,CyclicLR,CosineAnnealingWarmRestarts,OneCycleLR,_LRScheduler,"
        "LRScheduler torch.optim.swa_utils:SWALR",
        Entry("a scheduler: holds numbers", new=shapes.nothing, state=shapes.attributes),
    ),
    (
        "torch.utils.data.dataset:TensorDataset,Subset,ConcatDataset",
        Entry("holds tensors", new=shapes.nothing, state=shapes.attributes),
    ),
    (
        "torch.distributed.checkpoint.metadata:Metadata,MetadataIndex,ChunkStorageMetadata,"
        "TensorStorageMetadata,BytesStorageMetadata,TensorProperties,StorageMeta "
        "torch.distributed.checkpoint.filesystem:_StorageInfo,_StoragePrefix "
        "torch.distributed._shard.sharded_tensor.metadata:TensorProperties",
        Entry(
            "says where the tensors of a distributed checkpoint lie",
            call=shapes.nothing,
            new=shapes.nothing,
            state=shapes.any_state,
        ),
    ),
    (
        "torch.distributed.checkpoint.metadata:_MEM_FORMAT_ENCODING",
        Entry("is an enumeration", call=shapes.scalars, kind="enum"),
    ),
)
"""Layers as data; nothing runs until somebody calls them."""
