"""What training leaves beside the weights: scalers, arguments, strategies, Lightning, OmegaConf.

None of it is needed to load a model. The classes are dataclasses and enumerations without a
`__setstate__` of their own, or with one that only assigns attributes.
"""

from typing import Final

from scanner.pickles import shapes
from scanner.pickles.allowlist import Entry
from scanner.pickles.functions import FUNCTION

ENTRIES: Final = (
    (
        "transformers.trainer_utils:IntervalStrategy,SaveStrategy,HubStrategy,HPSearchBackend,"
        "SchedulerType,FSDPOption,EvaluationStrategy,ShardedDDPOption "
        "transformers.training_args:OptimizerNames,ParallelMode "
        "transformers.utils.generic:ExplicitEnum,PaddingStrategy,TensorType "
        "accelerate.utils.dataclasses:DDPCommunicationHookType,DistributedType,"
        "SageMakerDistributedType,FP8BackendType,ComputeEnvironment,DynamoBackend,LoggerType,"
        "PrecisionType,RNGType,CustomDtype accelerate.state:DistributedType "
        "torch.distributed.fsdp.api:ShardingStrategy,BackwardPrefetch,StateDictType "
        "peft.utils.peft_types:PeftType,TaskType",
        Entry(
            "is an enumeration: called, it looks a member up by value",
            call=shapes.scalars,
            new=shapes.scalars,
            state=shapes.attributes,
            kind="enum",
        ),
    ),
    (
        "transformers.training_args:TrainingArguments "
        "transformers.training_args_seq2seq:Seq2SeqTrainingArguments "
        "transformers.trainer_pt_utils:AcceleratorConfig,LabelSmoother "
        "accelerate.state:PartialState,AcceleratorState "
        "accelerate.utils.dataclasses:DeepSpeedPlugin,FullyShardedDataParallelPlugin,"
        "GradientAccumulationPlugin,ProjectConfiguration,DataLoaderConfiguration,"
        "TorchDynamoPlugin "
        "trl.trainer.sft_config:SFTConfig trl.trainer.dpo_config:DPOConfig "
        "trl.trainer.reward_config:RewardConfig trl.trainer.grpo_config:GRPOConfig "
        "trl.trainer.kto_config:KTOConfig trl.trainer.orpo_config:ORPOConfig "
        "sentence_transformers.training_args:SentenceTransformerTrainingArguments "
        "transformers.generation.configuration_utils:GenerationConfig",
        Entry(
            "holds settings: made empty, its attributes are set from a dict",
            new=shapes.nothing,
            state=shapes.attributes,
        ),
    ),
    (
        "torch.amp.grad_scaler:GradScaler torch.cuda.amp.grad_scaler:GradScaler "
        "torch.cpu.amp.grad_scaler:GradScaler",
        Entry(
            "scales gradients: its __setstate__ updates __dict__",
            new=shapes.nothing,
            state=shapes.attributes,
        ),
    ),
    (
        "torch.amp.grad_scaler:OptState torch.cuda.amp.grad_scaler:OptState",
        Entry("is an enumeration", call=shapes.scalars, kind="enum"),
    ),
    (
        "torch.amp.grad_scaler:_refresh_per_optimizer_state "
        "torch.cuda.amp.grad_scaler:_refresh_per_optimizer_state",
        Entry("makes a new dict: the factory of a scaler's defaultdict", kind=FUNCTION),
    ),
    (
        "transformers.optimization:_get_constant_lambda,"
        "_get_constant_schedule_with_warmup_lr_lambda,"
        "_get_linear_schedule_with_warmup_lr_lambda,"
        "_get_cosine_schedule_with_warmup_lr_lambda,"
        "_get_cosine_with_hard_restarts_schedule_with_warmup_lr_lambda,"
        "_get_polynomial_decay_schedule_with_warmup_lr_lambda,"
        "_get_inverse_sqrt_schedule_lr_lambda,"
        "_get_cosine_with_min_lr_schedule_with_warmup_lr_lambda,"
        "_get_cosine_with_min_lr_schedule_with_warmup_lr_rate_lambda,"
        "_get_wsd_scheduler_lambda "
        "torch.optim.swa_utils:SWALR._cosine_anneal,SWALR._linear_anneal "
        "torch.optim.lr_scheduler:CyclicLR._triangular_scale_fn,CyclicLR._triangular2_scale_fn,"
        "CyclicLR._exp_range_scale_fn,OneCycleLR._annealing_cos,OneCycleLR._annealing_linear",
        Entry("is arithmetic over numbers that a schedule keeps", kind=FUNCTION),
    ),
    (
        "transformers.tokenization_utils_base:BatchEncoding "
        "transformers.feature_extraction_utils:BatchFeature "
        "transformers.image_processing_base:BatchFeature "
        "transformers.image_processing_utils:BatchFeature "
        "transformers.trainer_callback:TrainerState,TrainerControl",
        Entry(
            "holds data: its __setstate__, if any, assigns two attributes",
            new=shapes.nothing,
            state=shapes.attributes,
        ),
    ),
    (
        "torch.utils.data.dataloader:DataLoader torch.utils.data.sampler:Sampler,"
        "SequentialSampler,RandomSampler,SubsetRandomSampler,WeightedRandomSampler,BatchSampler "
        "torch.utils.data.distributed:DistributedSampler",
        Entry(
            "holds settings and data: made empty, its attributes are set from a dict",
            new=shapes.nothing,
            state=shapes.attributes,
        ),
    ),
    (
        "torch.utils.data._utils.collate:default_collate,default_convert "
        "torch.utils.data.dataloader:default_collate",
        Entry("stacks what a data set gives; it may not be called"),
    ),
    (
        "sentence_transformers.training_args:BatchSamplers,MultiDatasetBatchSamplers",
        Entry("is an enumeration", call=shapes.scalars, kind="enum"),
    ),
    (
        "pytorch_lightning.utilities.parsing:AttributeDict "
        "lightning_fabric.utilities.data:AttributeDict "
        "lightning.fabric.utilities.data:AttributeDict "
        "pytorch_lightning.utilities.data:AttributeDict",
        Entry(
            "is a dict with attributes",
            call=shapes.containers,
            new=shapes.nothing,
            state=shapes.attributes,
            items=True,
        ),
    ),
    (
        "pytorch_lightning.callbacks.model_checkpoint:ModelCheckpoint "
        "pytorch_lightning.callbacks.early_stopping:EarlyStopping "
        "pytorch_lightning.callbacks.lr_monitor:LearningRateMonitor "
        "lightning.pytorch.callbacks.model_checkpoint:ModelCheckpoint "
        "lightning.pytorch.callbacks.early_stopping:EarlyStopping typing:Any",
        Entry("names a class as the key of a state; it may not be called"),
    ),
    (
        "omegaconf.dictconfig:DictConfig omegaconf.listconfig:ListConfig "
        "omegaconf.base:ContainerMetadata,Metadata "
        "omegaconf.nodes:AnyNode,StringNode,IntegerNode,FloatNode,BooleanNode",
        Entry(
            "holds configuration; its __setstate__ assigns attributes and resolves nothing",
            new=shapes.nothing,
            state=shapes.attributes,
        ),
    ),
)  # fmt: skip
"""Settings as data."""
