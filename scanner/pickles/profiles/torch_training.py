"""What training leaves beside the weights: arguments, strategies, Lightning and OmegaConf.

None of it is needed to load a model. The classes are dataclasses and enumerations without a
`__setstate__` of their own, or with one that only assigns attributes.
"""

from typing import Final

from scanner.pickles import shapes
from scanner.pickles.allowlist import Entry

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
