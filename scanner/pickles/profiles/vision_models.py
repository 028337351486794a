"""Whole models of torchvision, timm and Ultralytics: modules and losses, by class.

Enumerated from torchvision 0.8, 0.12 and 0.29, timm 0.6 and 1.0, Ultralytics 8.0 and 8.4: every
module here takes `torch.nn.Module.__setstate__` (one adds a number that old files lack) and has
no method of its own that unpickling calls (`__reduce__`, `__new__`, `__setattr__`,
`__getattr__`, `__del__`). What loads files or other backends when made is left out.
"""

from typing import Final

from scanner.pickles import shapes
from scanner.pickles.allowlist import Entry

_MODULES: Final = """
    timm.layers.activations:GELU,GELUTanh,HardMish,HardSigmoid,HardSwish,Mish,PReLU,QuickGELU
    timm.layers.activations:Sigmoid,Swish,Tanh
    timm.layers.activations_me:HardMishMe,HardSigmoidMe,HardSwishMe,MishMe,SwishMe
    timm.layers.adaptive_avgmax_pool:AdaptiveAvgMaxPool2d,AdaptiveCatAvgMaxPool2d
    timm.layers.adaptive_avgmax_pool:FastAdaptiveAvgMaxPool,FastAdaptiveAvgPool
    timm.layers.adaptive_avgmax_pool:FastAdaptiveCatAvgMaxPool,FastAdaptiveMaxPool
    timm.layers.adaptive_avgmax_pool:SelectAdaptivePool2d
    timm.layers.attention:Attention,AttentionRope
    timm.layers.attention2d:Attention2d,MultiQueryAttention2d,MultiQueryAttentionV2
    timm.layers.attention_pool:AttentionPoolLatent,AttentionPoolPrr
    timm.layers.attention_pool2d:AttentionPool2d,RotAttentionPool2d
    timm.layers.blur_pool:BlurPool2d timm.layers.bottleneck_attn:BottleneckAttn,PosEmbedRel
    timm.layers.cbam:CbamModule,ChannelAttn,LightCbamModule,LightChannelAttn,LightSpatialAttn
    timm.layers.cbam:SpatialAttn
    timm.layers.classifier:ClNormMlpClassifierHead,ClassifierHead,NormMlpClassifierHead
    timm.layers.cond_conv2d:CondConv2d timm.layers.conv2d_same:Conv2dSame,Conv2dSameExport
    timm.layers.conv_bn_act:ConvNormAct
    timm.layers.coord_attn:CoordAttn,EfficientLocalAttn,SimpleCoordAttn,StripAttn
    timm.layers.diff_attention:DiffAttention timm.layers.drop:DropBlock2d,DropPath
    timm.layers.eca:CecaModule,EcaModule
    timm.layers.evo_norm:EvoNorm2dB0,EvoNorm2dB1,EvoNorm2dB2,EvoNorm2dS0,EvoNorm2dS0a
    timm.layers.evo_norm:EvoNorm2dS1,EvoNorm2dS1a,EvoNorm2dS2,EvoNorm2dS2a
    timm.layers.filter_response_norm:FilterResponseNormAct2d,FilterResponseNormTlu2d
    timm.layers.gather_excite:GatherExcite timm.layers.global_context:GlobalContext
    timm.layers.grn:GlobalResponseNorm timm.layers.halo_attn:HaloAttn,PosEmbedRel
    timm.layers.hybrid_embed:HybridEmbed,HybridEmbedWithSize timm.layers.inplace_abn:InplaceAbn
    timm.layers.lambda_layer:LambdaLayer timm.layers.layer_scale:LayerScale,LayerScale2d
    timm.layers.linear:Linear timm.layers.median_pool:MedianPool2d
    timm.layers.mixed_conv2d:MixedConv2d timm.layers.ml_decoder:MLDecoder
    timm.layers.mlp:ConvMlp,GatedMlp,GlobalResponseNormMlp,GluMlp,Mlp,SwiGLU
    timm.layers.non_local_attn:BatNonLocalAttn,BilinearAttnTransform,NonLocalAttn
    timm.layers.norm:GroupNorm,GroupNorm1,LayerNorm,LayerNorm2d,LayerNorm2dFp32,LayerNormExp2d
    timm.layers.norm:LayerNormFp32,RmsNorm,RmsNorm2d,RmsNorm2dFp32,RmsNormFp32,SimpleNorm
    timm.layers.norm:SimpleNorm2d,SimpleNorm2dFp32,SimpleNormFp32
    timm.layers.norm_act:BatchNormAct2d,FrozenBatchNormAct2d,GroupNorm1Act,GroupNormAct
    timm.layers.norm_act:LayerNormAct,LayerNormAct2d,LayerNormAct2dFp32,LayerNormActFp32
    timm.layers.norm_act:RmsNormAct,RmsNormAct2d,RmsNormAct2dFp32,RmsNormActFp32
    timm.layers.norm_act:SyncBatchNormAct
    timm.layers.other_pool:LsePlus1d,LsePlus2d,SimPool1d,SimPool2d
    timm.layers.patch_dropout:PatchDropout,PatchDropoutWithIndices
    timm.layers.patch_embed:PatchEmbed,PatchEmbedInterpolator,PatchEmbedResamplerFixedOrigSize
    timm.layers.patch_embed:PatchEmbedWithSize
    timm.layers.pool2d_same:AvgPool2dSame,MaxPool2dSame
    timm.layers.pos_embed_rel:RelPosBias,RelPosBiasTf,RelPosMlp
    timm.layers.pos_embed_sincos:FourierEmbed,RotaryEmbedding,RotaryEmbeddingCat
    timm.layers.pos_embed_sincos:RotaryEmbeddingDinoV3,RotaryEmbeddingMRope,RotaryEmbeddingMixed
    timm.layers.pos_embed_sincos:_RotaryEmbeddingBase
    timm.layers.selective_kernel:SelectiveKernel,SelectiveKernelAttn
    timm.layers.separable_conv:SeparableConv2d,SeparableConvNormAct
    timm.layers.space_to_depth:DepthToSpace,SpaceToDepth
    timm.layers.split_attn:RadixSoftmax,SplitAttn timm.layers.split_batchnorm:SplitBatchNorm2d
    timm.layers.squeeze_excite:EffectiveSEModule,SEModule,SqueezeExciteCl
    timm.layers.std_conv:ScaledStdConv2d,ScaledStdConv2dSame,StdConv2d,StdConv2dSame
    timm.layers.test_time_pool:TestTimePoolHead
    timm.models._efficientnet_blocks:CondConvResidual,ConvBnAct,DepthwiseSeparableConv
    timm.models._efficientnet_blocks:EdgeResidual,InvertedResidual,MobileAttention,SqueezeExcite
    timm.models._efficientnet_blocks:UniversalInvertedResidual
    timm.models.beit:Attention,Beit,Block,RelativePositionBias
    timm.models.convnext:ConvNeXt,ConvNeXtBlock,ConvNeXtStage,Downsample
    timm.models.deit:VisionTransformerDistilled
    timm.models.densenet:DenseBlock,DenseLayer,DenseNet,DenseTransition
    timm.models.efficientnet:EfficientNet,EfficientNetFeatures
    timm.models.efficientnet_blocks:CondConvResidual,ConvBnAct,DepthwiseSeparableConv
    timm.models.efficientnet_blocks:EdgeResidual,InvertedResidual,SqueezeExcite
    timm.models.layers.activations:GELU,HardMish,HardSigmoid,HardSwish,Mish,PReLU,Sigmoid,Swish
    timm.models.layers.activations:Tanh
    timm.models.layers.activations_jit:HardMishJit,HardSigmoidJit,HardSwishJit,MishJit,SwishJit
    timm.models.layers.activations_me:HardMishMe,HardSigmoidMe,HardSwishMe,MishMe,SwishMe
    timm.models.layers.adaptive_avgmax_pool:AdaptiveAvgMaxPool2d,AdaptiveCatAvgMaxPool2d
    timm.models.layers.adaptive_avgmax_pool:FastAdaptiveAvgPool2d,SelectAdaptivePool2d
    timm.models.layers.attention_pool2d:AttentionPool2d,RotAttentionPool2d
    timm.models.layers.blur_pool:BlurPool2d
    timm.models.layers.bottleneck_attn:BottleneckAttn,PosEmbedRel
    timm.models.layers.cbam:CbamModule,ChannelAttn,LightCbamModule,LightChannelAttn
    timm.models.layers.cbam:LightSpatialAttn,SpatialAttn
    timm.models.layers.classifier:ClassifierHead timm.models.layers.cond_conv2d:CondConv2d
    timm.models.layers.conv2d_same:Conv2dSame
    timm.models.layers.conv_bn_act:ConvNormAct,ConvNormActAa
    timm.models.layers.drop:DropBlock2d,DropPath timm.models.layers.eca:CecaModule,EcaModule
    timm.models.layers.evo_norm:EvoNorm2dB0,EvoNorm2dB1,EvoNorm2dB2,EvoNorm2dS0,EvoNorm2dS0a
    timm.models.layers.evo_norm:EvoNorm2dS1,EvoNorm2dS1a,EvoNorm2dS2,EvoNorm2dS2a
    timm.models.layers.filter_response_norm:FilterResponseNormAct2d,FilterResponseNormTlu2d
    timm.models.layers.gather_excite:GatherExcite
    timm.models.layers.global_context:GlobalContext
    timm.models.layers.halo_attn:HaloAttn,PosEmbedRel timm.models.layers.inplace_abn:InplaceAbn
    timm.models.layers.lambda_layer:LambdaLayer timm.models.layers.linear:Linear
    timm.models.layers.median_pool:MedianPool2d timm.models.layers.mixed_conv2d:MixedConv2d
    timm.models.layers.ml_decoder:MLDecoder timm.models.layers.mlp:ConvMlp,GatedMlp,GluMlp,Mlp
    timm.models.layers.non_local_attn:BatNonLocalAttn,BilinearAttnTransform,NonLocalAttn
    timm.models.layers.norm:GroupNorm,GroupNorm1,LayerNorm,LayerNorm2d,LayerNormExp2d
    timm.models.layers.norm_act:BatchNormAct2d,GroupNormAct,LayerNormAct,LayerNormAct2d
    timm.models.layers.norm_act:SyncBatchNormAct timm.models.layers.patch_embed:PatchEmbed
    timm.models.layers.pool2d_same:AvgPool2dSame,MaxPool2dSame
    timm.models.layers.pos_embed:FourierEmbed,RotaryEmbedding
    timm.models.layers.selective_kernel:SelectiveKernel,SelectiveKernelAttn
    timm.models.layers.separable_conv:SeparableConv2d,SeparableConvNormAct
    timm.models.layers.space_to_depth:DepthToSpace,SpaceToDepth,SpaceToDepthModule
    timm.models.layers.split_attn:RadixSoftmax,SplitAttn
    timm.models.layers.split_batchnorm:SplitBatchNorm2d
    timm.models.layers.squeeze_excite:EffectiveSEModule,SEModule
    timm.models.layers.std_conv:ScaledStdConv2d,ScaledStdConv2dSame,StdConv2d,StdConv2dSame
    timm.models.layers.test_time_pool:TestTimePoolHead
    timm.models.mobilenetv3:MobileNetV3,MobileNetV3Features
    timm.models.resnet:BasicBlock,Bottleneck,ResNet
    timm.models.swin_transformer:BasicLayer,PatchMerging,SwinTransformer,SwinTransformerBlock
    timm.models.swin_transformer:SwinTransformerStage,WindowAttention
    timm.models.vgg:ConvMlp,VGG
    timm.models.vision_transformer:Attention,Block,DiffParallelScalingBlock,LayerScale
    timm.models.vision_transformer:ParallelBlock,ParallelScalingBlock,ParallelThingsBlock
    timm.models.vision_transformer:ResPostBlock,VisionTransformer
    torchvision.models._utils:IntermediateLayerGetter torchvision.models.alexnet:AlexNet
    torchvision.models.convnext:CNBlock,ConvNeXt,LayerNorm2d,Permute
    torchvision.models.densenet:DenseNet,_DenseBlock,_DenseLayer,_Transition
    torchvision.models.detection.anchor_utils:AnchorGenerator,DefaultBoxGenerator
    torchvision.models.detection.backbone_utils:BackboneWithFPN
    torchvision.models.detection.faster_rcnn:FastRCNNConvFCHead,FastRCNNPredictor,FasterRCNN
    torchvision.models.detection.faster_rcnn:TwoMLPHead
    torchvision.models.detection.fcos:FCOS,FCOSClassificationHead,FCOSHead,FCOSRegressionHead
    torchvision.models.detection.generalized_rcnn:GeneralizedRCNN
    torchvision.models.detection.keypoint_rcnn:KeypointRCNN,KeypointRCNNHeads
    torchvision.models.detection.keypoint_rcnn:KeypointRCNNPredictor
    torchvision.models.detection.mask_rcnn:MaskRCNN,MaskRCNNHeads,MaskRCNNPredictor
    torchvision.models.detection.retinanet:RetinaNet,RetinaNetClassificationHead,RetinaNetHead
    torchvision.models.detection.retinanet:RetinaNetRegressionHead
    torchvision.models.detection.roi_heads:RoIHeads
    torchvision.models.detection.rpn:RPNHead,RegionProposalNetwork
    torchvision.models.detection.ssd:SSD,SSDClassificationHead,SSDFeatureExtractorVGG,SSDHead
    torchvision.models.detection.ssd:SSDRegressionHead,SSDScoringHead
    torchvision.models.detection.ssdlite:SSDLiteClassificationHead
    torchvision.models.detection.ssdlite:SSDLiteFeatureExtractorMobileNet,SSDLiteHead
    torchvision.models.detection.ssdlite:SSDLiteRegressionHead
    torchvision.models.detection.transform:GeneralizedRCNNTransform
    torchvision.models.efficientnet:EfficientNet,FusedMBConv,MBConv
    torchvision.models.googlenet:BasicConv2d,GoogLeNet,Inception,InceptionAux
    torchvision.models.inception:BasicConv2d,Inception3,InceptionA,InceptionAux,InceptionB
    torchvision.models.inception:InceptionC,InceptionD,InceptionE
    torchvision.models.maxvit:MBConv,MaxVit,MaxVitBlock,MaxVitLayer,PartitionAttentionLayer
    torchvision.models.maxvit:RelativePositionalMultiHeadAttention,SwapAxes,WindowDepartition
    torchvision.models.maxvit:WindowPartition
    torchvision.models.mnasnet:MNASNet,_InvertedResidual
    torchvision.models.mobilenet:ConvBNReLU,InvertedResidual,MobileNetV2
    torchvision.models.mobilenetv2:InvertedResidual,MobileNetV2,_DeprecatedConvBNAct
    torchvision.models.mobilenetv3:InvertedResidual,MobileNetV3,SqueezeExcitation
    torchvision.models.regnet:AnyStage,BottleneckTransform,RegNet,ResBottleneckBlock
    torchvision.models.regnet:SimpleStemIN
    torchvision.models.resnet:BasicBlock,Bottleneck,ResNet
    torchvision.models.segmentation._utils:_SimpleSegmentationModel
    torchvision.models.segmentation.deeplabv3:ASPP,ASPPConv,ASPPPooling,DeepLabHead,DeepLabV3
    torchvision.models.segmentation.fcn:FCN,FCNHead
    torchvision.models.segmentation.lraspp:LRASPP,LRASPPHead
    torchvision.models.shufflenetv2:InvertedResidual,ShuffleNetV2
    torchvision.models.squeezenet:Fire,SqueezeNet
    torchvision.models.swin_transformer:PatchMerging,PatchMergingV2,ShiftedWindowAttention
    torchvision.models.swin_transformer:ShiftedWindowAttentionV2,SwinTransformer
    torchvision.models.swin_transformer:SwinTransformerBlock,SwinTransformerBlockV2
    torchvision.models.vgg:VGG
    torchvision.models.video.mvit:MViT,MultiscaleAttention,MultiscaleBlock,Pool
    torchvision.models.video.mvit:PositionalEncoding
    torchvision.models.video.resnet:BasicBlock,BasicStem,Bottleneck,Conv2Plus1D,Conv3DNoTemporal
    torchvision.models.video.resnet:Conv3DSimple,R2Plus1dStem,VideoResNet
    torchvision.models.video.s3d:S3D,SepInceptionBlock3D,TemporalSeparableConv
    torchvision.models.video.swin_transformer:PatchEmbed3d,ShiftedWindowAttention3d
    torchvision.models.video.swin_transformer:SwinTransformer3d
    torchvision.models.vision_transformer:Encoder,EncoderBlock,MLPBlock,VisionTransformer
    torchvision.ops.deform_conv:DeformConv2d torchvision.ops.drop_block:DropBlock2d,DropBlock3d
    torchvision.ops.feature_pyramid_network:ExtraFPNBlock,FeaturePyramidNetwork,LastLevelMaxPool
    torchvision.ops.feature_pyramid_network:LastLevelP6P7
    torchvision.ops.misc:BatchNorm2d,Conv2d,Conv2dNormActivation,Conv3dNormActivation
    torchvision.ops.misc:ConvNormActivation,ConvTranspose2d,FrozenBatchNorm2d,MLP,Permute
    torchvision.ops.misc:SqueezeExcitation torchvision.ops.poolers:MultiScaleRoIAlign
    torchvision.ops.ps_roi_align:PSRoIAlign torchvision.ops.ps_roi_pool:PSRoIPool
    torchvision.ops.roi_align:RoIAlign torchvision.ops.roi_pool:RoIPool
    torchvision.ops.stochastic_depth:StochasticDepth
    ultralytics.nn.modules:Bottleneck,BottleneckCSP,C1,C2,C2f,C3,C3Ghost,C3TR,C3x,CBAM
    ultralytics.nn.modules:ChannelAttention,Classify,Concat,Conv,ConvTranspose,DFL,DWConv
    ultralytics.nn.modules:DWConvTranspose2d,Detect,Ensemble,Focus,GhostBottleneck,GhostConv
    ultralytics.nn.modules:Proto,SPP,SPPF,Segment,SpatialAttention,TransformerBlock
    ultralytics.nn.modules:TransformerLayer ultralytics.nn.modules.activation:AGLU
    ultralytics.nn.modules.block:A2C2f,AAttn,ABlock,AConv,ADown,Attention,BNContrastiveHead
    ultralytics.nn.modules.block:Bottleneck,BottleneckCSP,C1,C2,C2PSA,C2f,C2fAttn,C2fCIB,C2fPSA
    ultralytics.nn.modules.block:C3,C3Ghost,C3TR,C3f,C3k,C3k2,C3x,CBFuse,CBLinear,CIB
    ultralytics.nn.modules.block:ContrastiveHead,DFL,ELAN1,GhostBottleneck,HGBlock,HGStem
    ultralytics.nn.modules.block:ImagePoolingAttn,MaxSigmoidAttnBlock,PSA,PSABlock,Proto,Proto26
    ultralytics.nn.modules.block:RealNVP,RepBottleneck,RepC3,RepCSP,RepNCSPELAN4,RepVGGDW
    ultralytics.nn.modules.block:ResNetBlock,ResNetLayer,Residual,SAVPE,SCDown,SPP,SPPELAN,SPPF
    ultralytics.nn.modules.block:SwiGLUFFN,TorchVision
    ultralytics.nn.modules.conv:CBAM,ChannelAttention,Concat,Conv,Conv2,ConvTranspose,DWConv
    ultralytics.nn.modules.conv:DWConvTranspose2d,Focus,GhostConv,Index,LightConv,RepConv
    ultralytics.nn.modules.conv:SpatialAttention
    ultralytics.nn.modules.head:Classify,Depth,Detect,LRPCHead,OBB,OBB26,Pose,Pose26
    ultralytics.nn.modules.head:RTDETRDecoder,Segment,Segment26,SemanticSegment,WorldDetect
    ultralytics.nn.modules.head:YOLOEDetect,YOLOESegment,YOLOESegment26,v10Detect
    ultralytics.nn.modules.transformer:AIFI,DeformableTransformerDecoder
    ultralytics.nn.modules.transformer:DeformableTransformerDecoderLayer,LayerNorm2d,MLP
    ultralytics.nn.modules.transformer:MLPBlock,MSDeformAttn,TransformerBlock
    ultralytics.nn.modules.transformer:TransformerEncoderLayer,TransformerLayer
    ultralytics.nn.tasks:BaseModel,ClassificationModel,DepthModel,DetectionModel,Ensemble
    ultralytics.nn.tasks:OBBModel,PoseModel,RTDETRDetectionModel,SegmentationModel
    ultralytics.nn.tasks:SemanticSegmentationModel,WorldModel,YOLOEModel,YOLOESegModel
    ultralytics.utils.loss:BCEDiceLoss,BboxLoss,DFLoss,FocalLoss,KeypointLoss
    ultralytics.utils.loss:MultiChannelDiceLoss,RLELoss,RotatedBboxLoss,SemanticSegmentationLoss
    ultralytics.utils.loss:VarifocalLoss
    ultralytics.utils.tal:PoseTaskAlignedAssigner,RotatedTaskAlignedAssigner
    ultralytics.utils.tal:SegTaskAlignedAssigner,TaskAlignedAssigner
    ultralytics.yolo.utils.loss:BboxLoss,VarifocalLoss
    ultralytics.yolo.utils.tal:TaskAlignedAssigner
    """

ENTRIES: Final = (
    (
        _MODULES,
        Entry(
            "a module: made empty, its attributes are set from a dict",
            new=shapes.nothing,
            state=shapes.attributes,
            kind="module",
        ),
    ),
    (
        "ultralytics.utils.loss:v8DetectionLoss,v8SegmentationLoss,v8PoseLoss,v8ClassificationLoss,"
        "v8OBBLoss,E2EDetectLoss,E2ELoss,TVPDetectLoss,TVPSegmentLoss,SegmentLoss26,PoseLoss26,"
        "DepthLoss26 torchvision.models.detection._utils:BoxCoder,BoxLinearCoder,Matcher,"
        "SSDMatcher,BalancedPositiveNegativeSampler "
        "torchvision.transforms.transforms:Compose,ToTensor,"
        "PILToTensor,ConvertImageDtype,ToPILImage,Normalize,Resize,CenterCrop,Pad,RandomTransforms,"
        "RandomApply,RandomOrder,RandomChoice,RandomCrop,RandomHorizontalFlip,RandomVerticalFlip,"
        "RandomPerspective,RandomResizedCrop,FiveCrop,TenCrop,LinearTransformation,ColorJitter,"
        "RandomRotation,RandomAffine,Grayscale,RandomGrayscale,RandomErasing,GaussianBlur,"
        "RandomInvert,RandomPosterize,RandomSolarize,RandomAdjustSharpness,RandomAutocontrast,"
        "RandomEqualize,ElasticTransform torchvision.models.detection.image_list:ImageList",
        Entry(
            "holds layers and numbers: made empty, its attributes are set from a dict",
            new=shapes.nothing,
            state=shapes.attributes,
        ),
    ),
    (
        "torchvision.transforms.functional:InterpolationMode timm.layers.format:Format",
        Entry("is an enumeration", call=shapes.scalars, kind="enum"),
    ),
    (
        "torchvision.ops.boxes:box_iou",
        Entry("is a function over tensors that a model keeps; it may not be called"),
    ),
    (
        "ultralytics.utils:IterableSimpleNamespace ultralytics.yolo.utils:IterableSimpleNamespace",
        Entry(
            "is a namespace: made empty, its attributes are set from a dict",
            call=shapes.nothing,
            new=shapes.nothing,
            state=shapes.attributes,
        ),
    ),
)
"""Models as data; nothing runs until somebody calls them."""
